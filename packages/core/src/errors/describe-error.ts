import { inspect } from "node:util";

/** An error as one line for people: its message, or whatever was thrown as text. */
export function describeError(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return typeof error === "string" ? error : inspect(error);
}

/** Whatever was thrown, as an `Error`. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describeError(thrown), { cause: thrown });
}
