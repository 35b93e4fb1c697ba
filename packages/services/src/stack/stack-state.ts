import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Compose } from "./compose-service.ts";
import type { NativeKafka } from "./native-kafka.ts";
import type { NativePostgres } from "./native-postgres.ts";
import type { NativeRabbitmq } from "./native-rabbitmq.ts";

/** How each service was started and where, so that a later call finds the same one. */
export interface StackState {
  readonly postgres?: Described<NativePostgres>;
  readonly rabbitmq?: Described<NativeRabbitmq>;
  readonly kafka?: Described<NativeKafka>;
}

export type Described<Native> =
  | { readonly kind: "external"; readonly value: string }
  | { readonly kind: "compose"; readonly spec: Compose }
  | { readonly kind: "native"; readonly spec: Native };

export function readState(folder: string): StackState {
  const file = join(folder, "state.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as StackState) : {};
}

/** It holds the password of PostgreSQL. */
export function writeState(folder: string, state: StackState): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const file = join(folder, "state.json");
  writeFileSync(`${file}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
