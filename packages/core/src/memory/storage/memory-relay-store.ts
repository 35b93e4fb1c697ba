import type {
  Lease,
  LeaseAnswer,
  OpenWindow,
  Progress,
  RelayStep,
  RelayStore,
} from "../../ports/relay-store.ts";
import type { Snapshot } from "../../ports/outbox-store.ts";
import type { MemoryDatabase } from "./memory-database.ts";
import type { MemoryDeadLetterTable } from "./memory-dead-letter-table.ts";
import type { MemoryParked } from "./memory-parked.ts";
import { EMPTY_SNAPSHOT } from "./snapshot.ts";

/** The relay's lease and progress in memory. Only the newest progress is kept. */
export class MemoryRelayStore implements RelayStore {
  readonly #database: MemoryDatabase;
  readonly #parked: MemoryParked;
  readonly #deadLetters: MemoryDeadLetterTable;
  #incarnation: string;
  #renewBecause: string | null = null;
  #owner: string | null = null;
  #epoch = 0;
  #leasedUntil = 0;
  #from: Snapshot = EMPTY_SNAPSHOT;
  #window: OpenWindow | null = null;
  readonly #sequences = new Map<string, number>();

  constructor(database: MemoryDatabase, parked: MemoryParked, deadLetters: MemoryDeadLetterTable) {
    this.#database = database;
    this.#parked = parked;
    this.#deadLetters = deadLetters;
    this.#incarnation = database.uuid();
  }

  /** Everything visible in it is settled. */
  get settled(): Snapshot {
    return this.#from;
  }

  async acquire(owner: string, leaseMs: number): Promise<LeaseAnswer> {
    const now = this.#database.now();
    if (this.#owner !== null && this.#owner !== owner && now < this.#leasedUntil) {
      return { kind: "held", owner: this.#owner, epoch: this.#epoch, expiresInMs: this.#leasedUntil - now };
    }
    this.#owner = owner;
    this.#epoch += 1;
    this.#leasedUntil = now + leaseMs;
    const renewedBecause = this.#renewBecause;
    if (renewedBecause !== null) this.#startIncarnation();
    const lease = { owner, epoch: this.#epoch, incarnation: this.#incarnation, renewedBecause };
    return { kind: "acquired", lease };
  }

  async renew(lease: Lease, leaseMs: number): Promise<boolean> {
    if (!this.#holds(lease)) return false;
    this.#leasedUntil = this.#database.now() + leaseMs;
    return true;
  }

  async release(lease: Lease): Promise<void> {
    if (this.#holds(lease)) this.#owner = null;
  }

  async verify(lease: Lease): Promise<boolean> {
    return this.#holds(lease) && this.#database.now() < this.#leasedUntil;
  }

  async rebase(lease: Lease, because: string): Promise<void> {
    if (!this.#holds(lease)) return;
    this.#owner = null;
    this.#epoch += 1;
    this.#renewBecause = because;
  }

  async load(): Promise<Progress> {
    return { from: this.#from, window: this.#window, sequences: new Map(this.#sequences) };
  }

  async apply(lease: Lease, step: RelayStep): Promise<boolean> {
    if (lease.epoch !== this.#epoch) return false;
    this.#from = step.from;
    this.#window = step.window;
    for (const [lane, next] of step.sequences) this.#sequences.set(lane, next);
    for (const change of step.parked) this.#parked.change(change, lease.incarnation);
    for (const parked of step.park) this.#parked.parkCommitted(parked);
    for (const letter of step.dead) this.#deadLetters.buryCommitted(letter);
    return true;
  }

  #startIncarnation(): void {
    this.#renewBecause = null;
    this.#incarnation = this.#database.uuid();
    this.#window = null;
    this.#sequences.clear();
    this.#parked.forgetPositions();
  }

  #holds(lease: Lease): boolean {
    return this.#owner === lease.owner && this.#epoch === lease.epoch;
  }
}
