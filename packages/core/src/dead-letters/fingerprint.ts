import { createHash } from "node:crypto";

const MESSAGE_MAX = 1_000;
const FRAME = /^\s*at (?:(.*?) \()?(.*?)(?::\d+)?(?::\d+)?\)?$/;
const NOT_YOURS = /node_modules|node:internal|^node:/;

/**
 * What changes from one failure to the next of the same kind, in the order in which it is taken out. Apostrophes
 * within words quote nothing.
 */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/(?<!\w)(["'`])(?:(?!\1)[^\n])*\1(?!\w)/g, "<quoted>"],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, "<uuid>"],
  [/\b0x[0-9a-f]+\b/gi, "<hex>"],
  [/\b(?=[0-9a-f]*[a-f])(?=[a-f]*\d)[0-9a-f]{8,}\b/gi, "<hex>"],
  [/\d+(?:[.,:]\d+)*/g, "<n>"],
];

/** A message without its numbers, UUIDs, hex numbers and quoted values. */
function normaliseMessage(message: string): string {
  let text = message.slice(0, MESSAGE_MAX);
  for (const [pattern, instead] of VARIABLE) text = text.replaceAll(pattern, instead);
  return text.replaceAll(/\s+/g, " ").trim();
}

/**
 * Groups equal failures: 12 hex digits that depend on group, topic, the error's name and code, its message without
 * what varies (numbers, UUIDs, hex numbers, quoted values), and the function and file where it was thrown. Not on line
 * numbers, folders, the message's key or the errors that caused it, so that it survives a release that moves lines.
 */
export function fingerprintOf(failure: {
  readonly group: string;
  readonly topic: string;
  readonly error: Error;
}): string {
  const { group, topic, error } = failure;
  const code = "code" in error ? String(error.code) : "";
  const parts = [
    group,
    topic,
    error.name,
    code,
    normaliseMessage(error.message),
    topFrame(error.stack ?? ""),
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
}

/** Function and file of the first stack frame that is in no library, else of the first; without lines and folders. */
function topFrame(stack: string): string {
  const frames = stack.split("\n").filter((line) => /^\s*at /.test(line));
  const frame = frames.find((line) => !NOT_YOURS.test(line)) ?? frames[0];
  if (frame === undefined) return "";
  const [, where = "", place = ""] = FRAME.exec(frame) ?? [];
  return `${where.replace(/^async /, "")} ${place.split(/[/\\]/).at(-1) ?? ""}`;
}
