import { WaybillError } from "@waybill/core";

/** RabbitMQ cannot be used right now. */
export function unavailable(detail: string, cause?: unknown): WaybillError {
  return new WaybillError("BROKER_UNAVAILABLE", `RabbitMQ: ${detail}`, cause === undefined ? {} : { cause });
}

export function messageOf(error: unknown): string {
  // What OpenSSL says ends with its line.
  return error instanceof Error && error.message !== "" ? error.message.trimEnd() : String(error);
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
