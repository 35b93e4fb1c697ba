import { OUTGOING, WaybillError, type DeadLetterSelection } from "@waybill/core";
import { Option, type Command } from "commander";

/** The properties by which commands choose dead letters. */
export interface FilterOptions {
  readonly group?: string;
  readonly outgoing?: boolean;
  readonly topic?: string;
  readonly fingerprint?: string;
}

/** Adds `--group`, `--outgoing`, `--topic` and `--fingerprint`. */
export function addFilterOptions(command: Command): Command {
  return command
    .addOption(new Option("--group <name>", "of this consumer group").conflicts("outgoing"))
    .option("--outgoing", "that could not be published")
    .option("--topic <name>", "of this topic")
    .option("--fingerprint <digits>", "that failed in this way, see: waybill dead-letters groups");
}

export function filterOf({ group, outgoing, topic, fingerprint }: FilterOptions): {
  group?: string;
  topic?: string;
  fingerprint?: string;
} {
  return {
    ...(outgoing === true ? { group: OUTGOING } : {}),
    ...(group === undefined ? {} : { group }),
    ...(topic === undefined ? {} : { topic }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

/**
 * What an act is about: one letter, or those with all of the properties, or all.
 *
 * @throws WaybillError `OPTIONS_INVALID` unless it is exactly one of these
 */
export function selectionOf(
  id: number | undefined,
  options: FilterOptions & { readonly all?: boolean },
): DeadLetterSelection {
  const filter = filterOf(options);
  const filtered = Object.keys(filter).length > 0;
  const ways = [id !== undefined, options.all === true, filtered].filter(Boolean).length;
  if (ways !== 1) {
    throw new WaybillError(
      "OPTIONS_INVALID",
      "Name one: an id, or --group, --outgoing, --topic and --fingerprint, or --all.",
    );
  }
  return id ?? (filtered ? filter : "all");
}
