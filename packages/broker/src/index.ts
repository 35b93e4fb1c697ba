export { nativeBroker } from "./native-broker.ts";
export type { NativeBrokerOptions } from "./options/native-broker-options.ts";
export type { RemoteBrokerOptions, RemoteBrokerTls } from "./options/remote-broker-options.ts";
export type { NativeBrokerEvent, NativeBrokerListener } from "./events.ts";
