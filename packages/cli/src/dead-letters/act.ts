import type { Acted, DeadLetterSelection } from "@waybill/core";
import { userInfo } from "node:os";

const FAILED = 1;
const USAGE = 2;

/** How an act is named in what is printed. */
export interface ActWords {
  /** `retried`. */
  readonly done: string;
  /** `retry`, for the hint that more are left. */
  readonly command: string;
}

/** Prints what was done. An act on one letter that did nothing is a failure. */
export function printActed(
  acted: Acted,
  selection: DeadLetterSelection,
  words: ActWords,
  json: boolean,
): void {
  if (json) {
    console.log(JSON.stringify({ ...acted, done: true }));
  } else if (acted.count === 0 && typeof selection === "number") {
    console.error(`Dead letter ${selection} was not ${words.done}: there is none with this id that is dead.`);
  } else {
    console.log(
      `${letters(acted.count)} ${words.done}.${acted.more ? ` More are left: ${words.command} again.` : ""}`,
    );
  }
  if (acted.count === 0 && typeof selection === "number") process.exitCode = FAILED;
}

/** Says what an act on many would do, since nobody said yes to it. */
export function printPreview(found: Acted, words: ActWords, json: boolean): void {
  if (json) console.log(JSON.stringify({ ...found, done: false }));
  else {
    console.log(
      `${letters(found.count)} would be ${words.done}.${found.more ? " More would be left." : ""} Repeat with --yes to do it.`,
    );
  }
  process.exitCode = USAGE;
}

/** Who runs the command, for the audit. */
export function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env["USER"] ?? "unknown";
  }
}

function letters(count: number): string {
  return count === 1 ? "1 dead letter" : `${count} dead letters`;
}
