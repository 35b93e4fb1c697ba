import { WaybillError } from "@waybill/core";

/** Kafka cannot be used right now. */
export function unavailable(detail: string, cause?: unknown): WaybillError {
  return new WaybillError("BROKER_UNAVAILABLE", `Kafka: ${detail}`, cause === undefined ? {} : { cause });
}

export function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== "" ? error.message : String(error);
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
