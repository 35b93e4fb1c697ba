export { startServer } from "./start-server.ts";
export type { BoundAddress, ListenOn, RunningServer, ServerOptions, ServerReport } from "./options.ts";
export { limitsSchema, type ResolvedServerLimits, type ServerLimits } from "./limits.ts";
export type { ServerEvent, ServerEventListener } from "./events.ts";
