import { WaybillError } from "@waybill/core";
import { messageOf } from "../connection/unavailable.ts";

const NOT_FOUND = 404;
const PRECONDITION_FAILED = 406;
const ACCESS_REFUSED = 403;

/** What the server's refusal means: another thing of that name exists, or none, or the user may not. Else the error itself. */
export function mismatch(what: string, error: unknown): unknown {
  switch (replyCodeOf(error)) {
    case PRECONDITION_FAILED:
      return refused(`${what} exists, but is another one than wanted (${messageOf(error)}).`, error);
    case NOT_FOUND:
      return refused(`${what} does not exist (${messageOf(error)}).`, error);
    case ACCESS_REFUSED:
      return refused(`this user may not use ${what} as is needed (${messageOf(error)}).`, error);
    case undefined:
    default:
      return error;
  }
}

/** Whether the server's user lacks a right. */
export function isForbidden(error: unknown): boolean {
  return replyCodeOf(error) === ACCESS_REFUSED;
}

/** Why the server closed a channel, `undefined` when it did not. */
export function replyCodeOf(error: unknown): number | undefined {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "number" ? code : undefined;
}

function refused(detail: string, cause: unknown): WaybillError {
  return new WaybillError("TOPOLOGY_MISMATCH", `RabbitMQ: ${detail} docs/rabbitmq.md says what is needed.`, {
    cause,
  });
}
