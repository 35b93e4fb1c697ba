import { createWaybill, type BridgeReport, type Broker, type Waybill } from "@waybill/core";
import { postgresStorage, type PgTransaction } from "@waybill/postgres";
import { spawnTs, waitFor, type TsProcess } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Pool } from "pg";
import { onTestFinished } from "vitest";
import { applyNote, audit, Noted, seeded, writeNotes, type Audit } from "../src/index.ts";
import { brokerAt, type BrokerPlace } from "./bridge-broker.ts";

/** The groups of these tests. What the second does is noted under keys of its own. */
export const GROUPS = ["ledger", "archive"] as const;
export type Group = (typeof GROUPS)[number];

const KEYS = 8;

/** What runs at a broker for a while. */
interface Shift {
  readonly relay: boolean;
  readonly groups: readonly Group[];
  /** Notes to take meanwhile. */
  readonly notes: number;
}

export class BridgeBed {
  readonly #pool: Pool;
  readonly #chance = seeded(7);
  #committed = 0;
  #published = 0;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Notes that were committed so far. */
  get committed(): number {
    return this.#committed;
  }

  /** Takes notes, and has them published and applied by those that are on duty; then everything stops. */
  async work(place: BrokerPlace, { relay, groups, notes }: Shift): Promise<void> {
    await using broker = brokerAt(place);
    await broker.open();
    for (const group of GROUPS) await broker.declareGroup(group, [Noted.name]);
    await using waybill = this.#waybill(broker, groups);
    if (relay || groups.length > 0) await waybill.start({ relay, consumers: groups.length > 0 });
    await writeNotes(
      { pool: this.#pool, waybill, keys: KEYS, chance: this.#chance, rollbacks: 0.1 },
      3,
      notes,
    );
    this.#committed += notes;
    if (relay) await waitFor(() => this.#published >= this.#committed, { describe: "all published" });
    for (const group of groups) await this.applied(group);
  }

  /** All consumers and the relay at a place until the test has finished. */
  async goLive(place: BrokerPlace): Promise<void> {
    const broker = brokerAt(place);
    const waybill = this.#waybill(broker, GROUPS);
    onTestFinished(async () => {
      await waybill.stop();
      await broker[Symbol.asyncDispose]();
    });
    await waybill.start();
  }

  /** Resolves when a group has an effect for `notes` of the notes, all of them unless told. */
  async applied(group: Group, notes = this.#committed): Promise<void> {
    const like = group === "archive" ? "archive/%" : "k%";
    const sql = "select count(distinct (key, no))::int as count from effect where key like $1";
    let seen = 0;
    const enough = async (): Promise<boolean> => {
      const { rows } = await this.#pool.query<{ count: number }>(sql, [like]);
      seen = rows[0]?.count ?? 0;
      return seen >= notes;
    };
    const describe = (): string => `${notes} effects of ${group}, not ${seen}`;
    await waitFor(enough, { deadlineMs: 40_000, describe });
  }

  /** A process dies with deliveries in its hands: they are unacknowledged at the broker, and marked as delivered. */
  async abandon(place: BrokerPlace, group: Group, deliveries: number): Promise<void> {
    const broker = brokerAt(place);
    await broker.open();
    let held = 0;
    const subscription = await broker.subscribe({ group, topics: [Noted.name], prefetch: deliveries }, () => {
      held += 1;
      return new Promise(() => undefined);
    });
    await waitFor(() => held === deliveries, { describe: `${deliveries} deliveries` });
    await subscription.close({ deadlineMs: 1 });
    await broker[Symbol.asyncDispose]();
  }

  /** What the business tables say, for both groups together. */
  async audit(): Promise<Audit> {
    await this.#pool.query(
      "insert into noted select 'archive/' || key, no from noted where key like 'k%' on conflict do nothing",
    );
    return audit(this.#pool);
  }

  #waybill(broker: Broker, groups: readonly Group[]): Waybill<PgTransaction> {
    const waybill = createWaybill({
      source: "notes",
      storage: postgresStorage({ pool: this.#pool }),
      broker,
      relay: { leaseMs: 1_000 },
      onEvent: (event) => {
        if (event.type === "relay.published") this.#published += event.count;
      },
    });
    for (const group of groups) {
      const prefix = group === "archive" ? "archive/" : "";
      waybill
        .consumer(group)
        .on(Noted, ({ key, no }, { tx }) => applyNote(tx, { key: `${prefix}${key}`, no }));
    }
    return waybill;
  }
}

/** A bridge in a process of its own. */
export function bridgeProcess(
  from: BrokerPlace,
  to: BrokerPlace,
  env: Readonly<Record<string, string>> = {},
): TsProcess {
  const places = { FROM: JSON.stringify(from), TO: JSON.stringify(to), GROUPS: GROUPS.join(",") };
  const child = spawnTs(new URL("bridge-process.ts", import.meta.url), [], { env: { ...places, ...env } });
  onTestFinished(() => child[Symbol.asyncDispose]());
  return child;
}

/** `waybill bridge`, as an operator runs it. */
export async function bridgeCommand(from: BrokerPlace, to: BrokerPlace): Promise<TsProcess> {
  const folder = testFolder();
  const files = { "--from": from, "--to": to };
  for (const [name, broker] of Object.entries(files))
    await writeFile(join(folder, `${name}.json`), JSON.stringify({ broker }));
  const configs = Object.keys(files).flatMap((name) => [name, join(folder, `${name}.json`)]);
  const groups = GROUPS.map((group) => `${group}=${Noted.name}`);
  const args = ["bridge", ...configs, "--until-idle", "5s", "--groups", ...groups];
  const child = spawnTs(new URL("../../cli/src/main.ts", import.meta.url), args);
  onTestFinished(() => child[Symbol.asyncDispose]());
  return child;
}

/** The report of a bridge that ended by itself. */
export async function reportOf(child: TsProcess): Promise<BridgeReport> {
  return (await child.line(({ event }) => event === "bridged", 60_000)) as unknown as BridgeReport;
}
