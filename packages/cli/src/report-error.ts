import { isWaybillError } from "@waybill/core";
import { CommanderError } from "commander";

const USAGE = 2;
const FAILED = 1;

/**
 * Writes what went wrong to stderr, with the code of Waybill's own errors (docs/errors.md), and answers the exit code:
 * 0 for help, 1 for a failure, 2 for wrong usage.
 */
export function reportError(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (isWaybillError(error)) {
    console.error(`${error.code}: ${error.message}`);
    return error.code === "OPTIONS_INVALID" ? USAGE : FAILED;
  }
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return FAILED;
}
