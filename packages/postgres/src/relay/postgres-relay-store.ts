import type { Lease, LeaseAnswer, ParkedChange, Progress, RelayStep, RelayStore } from "@waybill/core";
import { run, type Value } from "../connection/run.ts";
import { deadLettersJson } from "../dead-letters/dead-letters-json.ts";
import { parkedJson } from "../parked/parked-json.ts";
import type { Parts } from "../parts.ts";
import { present, storable } from "../text.ts";
import { foldProgress } from "./fold-progress.ts";
import { emptyOldLeaf } from "./empty-old-leaf.ts";

/** Steps after which a new base row is written. Bounds what a successor has to fold. */
const STEPS_PER_BASE = 512;

/** The lease and the progress of the relay on PostgreSQL. */
export class PostgresRelayStore<Tx> implements RelayStore {
  readonly #parts: Parts<Tx>;
  readonly #stepsPerBase: number;
  #steps = 0;

  constructor(parts: Parts<Tx>, stepsPerBase = STEPS_PER_BASE) {
    this.#parts = parts;
    this.#stepsPerBase = stepsPerBase;
  }

  async acquire(owner: string, leaseMs: number): Promise<LeaseAnswer> {
    const [row] = await this.#run("acquire", [owner, leaseMs]);
    const [acquired, holder, epoch, incarnation, because, expiresInMs] = row ?? [];
    if (acquired !== "t") {
      return { kind: "held", owner: present(holder), epoch: Number(epoch), expiresInMs: Number(expiresInMs) };
    }
    const renewedBecause = because ?? null;
    if (renewedBecause !== null) this.#parts.floors.forget();
    return {
      kind: "acquired",
      lease: { owner, epoch: Number(epoch), incarnation: present(incarnation), renewedBecause },
    };
  }

  async renew(lease: Lease, leaseMs: number): Promise<boolean> {
    const rows = await this.#run("renew", [lease.epoch, lease.owner, leaseMs]);
    return rows.length === 1;
  }

  async release(lease: Lease): Promise<void> {
    await this.#run("release", [lease.epoch, lease.owner]);
  }

  async verify(lease: Lease): Promise<boolean> {
    const rows = await this.#run("verify", [lease.epoch, lease.owner]);
    return rows.length === 1;
  }

  async rebase(lease: Lease, because: string): Promise<void> {
    await this.#run("rebase", [because, lease.epoch]);
  }

  async load(lease: Lease): Promise<Progress> {
    const { floors } = this.#parts;
    const loaded = foldProgress(await this.#run("load", [lease.incarnation]));
    this.#steps = loaded.steps;
    floors.forget();
    floors.ended(loaded.xid, loaded.floorRowId);
    return loaded.progress;
  }

  async apply(lease: Lease, step: RelayStep): Promise<boolean> {
    const { floors } = this.#parts;
    const floorRowId = floors.newestRowId;
    const [row] = await this.#run("apply", stepValues(lease, step, floorRowId));
    const xid = row?.[0] ?? null;
    if (xid === null) return false;
    floors.ended(BigInt(xid), floorRowId);
    this.#steps += 1;
    if (this.#steps >= this.#stepsPerBase) await this.#rotate(lease);
    return true;
  }

  /** The step is applied already, so a failure here is left to the next time. */
  async #rotate(lease: Lease): Promise<void> {
    try {
      await emptyOldLeaf(this.#parts);
      const rotated = await this.#run("rotate", [lease.epoch]);
      if (rotated.length === 1) this.#steps = 0;
      await emptyOldLeaf(this.#parts);
    } catch {
      this.#steps -= Math.ceil(this.#stepsPerBase / 8);
    }
  }

  #run(
    name: "acquire" | "renew" | "release" | "verify" | "rebase" | "load" | "apply" | "rotate",
    values: readonly Value[],
  ): ReturnType<typeof run> {
    const { database, sql } = this.#parts;
    return database.connected((connection) => run(connection, sql.relay[name], values));
  }
}

function stepValues(lease: Lease, step: RelayStep, floorRowId: number): Value[] {
  const { window } = step;
  const buried = step.parked.flatMap((change) => (change.kind === "dead" ? [change.letter] : []));
  return [
    lease.epoch,
    lease.incarnation,
    step.from,
    window?.to ?? null,
    window?.now ?? null,
    window?.lastRowId ?? null,
    JSON.stringify(Object.fromEntries(step.sequences)),
    floorRowId,
    step.park.length === 0 ? null : parkedJson(step.park),
    step.dead.length + buried.length === 0 ? null : deadLettersJson([...step.dead, ...buried]),
    step.parked.length === 0 ? null : JSON.stringify(step.parked.map(changeOf)),
  ];
}

/** As `relay_apply` reads it. */
function changeOf(change: ParkedChange): Record<string, string | number> {
  switch (change.kind) {
    case "published":
    case "dead":
      return { kind: "gone", id: change.parkedId };
    case "position":
      return { kind: "position", id: change.parkedId, sequence: change.sequence };
    case "again": {
      const { parkedId, attempts, dueInMs, error } = change;
      return { kind: "again", id: parkedId, attempts, due_in_ms: dueInMs, error: storable(error) };
    }
  }
}
