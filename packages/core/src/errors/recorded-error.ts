import { describeError } from "./describe-error.ts";

const TEXT_MAX = 16_384;
const CAUSES_MAX = 8;
const CAUSED_BY = "\ncaused by: ";
const HEADLINE = /^([\w.]+)(?: \[([^\]\n]+)\])?: ([^]*)$/;
const FRAMES = /(?:\n\s*at [^\n]*)+$/;

/** An error with code, stack and causes, for records that are read long after. Bounded to 16 KiB. */
export function errorWithStack(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && current !== undefined && current !== null; depth += 1) {
    parts.push(current instanceof Error ? withStack(current) : describeError(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(CAUSED_BY).slice(0, TEXT_MAX);
}

/** An error from what `errorWithStack` wrote of it: name, code, message and stack are the same, causes are text. */
export function revivedError(text: string): Error {
  const own = text.split(CAUSED_BY)[0] ?? text;
  const frames = FRAMES.exec(own)?.[0] ?? "";
  const headline = own.slice(0, own.length - frames.length);
  const [, name, code, message] = HEADLINE.exec(headline) ?? [];
  const error: Error & { code?: string } = new Error(message ?? headline);
  error.name = name ?? "Error";
  error.stack = text;
  if (code !== undefined) error.code = code;
  return error;
}

/** The stack under a headline of name, code and message: the engine's own may show another name and has no code. */
function withStack(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? ` [${error.code}]` : "";
  const headline = `${error.name}${code}: ${error.message}`;
  return error.stack?.startsWith(headline) === true
    ? error.stack
    : `${headline}${FRAMES.exec(error.stack ?? "")?.[0] ?? ""}`;
}
