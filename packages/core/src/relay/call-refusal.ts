import { WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "../message/envelope.ts";
import { SYSTEM_HEADERS } from "../message/wire.ts";
import type { Broker } from "../ports/broker.ts";

/** Whether the message is another library's call. */
export function isCall(envelope: Envelope): boolean {
  return envelope.headers[SYSTEM_HEADERS.call] !== undefined;
}

/** Why a broker cannot be given a message: it is a call of a library that is not the broker's. `null` when it can. */
export function callRefusal(
  envelope: Envelope,
  broker: Pick<Broker, "name" | "features">,
): WaybillError | null {
  const call = envelope.headers[SYSTEM_HEADERS.call];
  if (call === undefined) return null;
  const [library = ""] = call.split(" ", 1);
  if (broker.features.calls?.includes(library) === true) return null;
  return new WaybillError(
    "CALL_UNSUPPORTED",
    `Message ${envelope.id} is a call of ${library} on ${envelope.topic}, which the broker "${broker.name}" cannot repeat. ` +
      `Give the relay the broker that ${library} sends to.`,
  );
}
