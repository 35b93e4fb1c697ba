import { inspect } from "node:util";

/** An error as one line for people: its message, or whatever was thrown as text. */
export function describeError(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return typeof error === "string" ? error : inspect(error);
}

/** An error with stack and causes, for records that are read long after. Bounded to 16 KiB. */
export function errorWithStack(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 8 && current !== undefined && current !== null; depth += 1) {
    parts.push(current instanceof Error ? (current.stack ?? describeError(current)) : describeError(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join("\ncaused by: ").slice(0, 16_384);
}

/** Whatever was thrown, as an `Error`. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describeError(thrown), { cause: thrown });
}
