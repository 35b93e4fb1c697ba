import type { Consumer } from "../consumer/create-consumer.ts";
import { runGiveUps, type GiveUpParts } from "../dead-letters/run-give-ups.ts";
import type { Storage } from "../ports/storage.ts";
import type { Relay, RelayStatus } from "../relay/create-relay.ts";
import type { Job } from "../scheduler/create-scheduler.ts";

const EVERY_SECOND = "* * * * * *";
const EVERY_FIVE_SECONDS = "*/5 * * * * *";
const EVERY_FIVE_MINUTES = "*/5 * * * *";
const EVERY_TEN_MINUTES = "*/10 * * * *";

const DAY_MS = 86_400_000;
/** Rows of one statement, and statements of one run: what is left over waits for the next run. */
const BATCH_ROWS = 5_000;
const BATCHES_MAX = 100;

/** How long settled things are kept. */
export interface Retention {
  /** Confirmed messages stay in the outbox for so long, for replay. Milliseconds; default 3 days. */
  readonly outboxMs?: number;
  /**
   * Inbox records keep their message ids for so long before they are folded into ranges of positions. Must exceed
   * the longest failover lag. Milliseconds; default 7 days.
   */
  readonly inboxFoldMs?: number;
  /**
   * Ids of messages without a position (of foreign producers, and of `once` and `idempotent`) are remembered for so
   * long: a copy that arrives later is applied again. Must exceed the age at which anybody, also a person, still sends
   * a message again. Milliseconds; default 30 days.
   */
  readonly inboxIdsMs?: number;
  /**
   * For so long the outbox remembers under which `dedupKey` it recorded a message: one that is sent later is recorded
   * again. Milliseconds; default 7 days.
   */
  readonly dedupMs?: number;
}

/** What a relay needs to be called for by the clock. */
export function relayJobs(relay: Relay): readonly Job[] {
  const leads = (): boolean => relay.status().state === "leading";
  return [
    {
      name: "take-over-lease",
      schedule: EVERY_SECOND,
      leaseMs: 5_000,
      eligible: () => relay.status().state === "standby",
      run: async () => describeStatus(await relay.lead()),
    },
    {
      name: "send-parked",
      schedule: EVERY_SECOND,
      leaseMs: 5_000,
      eligible: leads,
      run: async () => {
        const swept = await relay.sendParked();
        return swept === null
          ? "the lease was lost meanwhile"
          : `${swept.published} sent, ${swept.dead} given up`;
      },
    },
    {
      name: "reconcile-unconfirmed",
      schedule: EVERY_FIVE_SECONDS,
      leaseMs: 5_000,
      eligible: leads,
      run: () =>
        Promise.resolve(
          relay.reconcile() ? "unconfirmed messages are being published again" : "nothing unconfirmed",
        ),
    },
  ];
}

/** Runs what a group parked, in a process of that group. */
export function consumerJobs<Tx>(consumer: Consumer<Tx>): readonly Job[] {
  return [
    {
      name: `run-parked:${consumer.group}`,
      schedule: EVERY_SECOND,
      // Short, so that a killed runner delays nobody: two at once would only take turns at the locked rows.
      leaseMs: 5_000,
      run: async () => `${await consumer.runParked()} run`,
    },
  ];
}

/** Answers the dead messages of a topic that were never published, in a process that registered how. */
export function giveUpJobs<Tx>(parts: GiveUpParts<Tx>): readonly Job[] {
  return [
    {
      name: `run-give-ups:${parts.registration.topic.name}`,
      schedule: EVERY_SECOND,
      leaseMs: 5_000,
      run: async () => `${await runGiveUps(parts)} tried`,
    },
  ];
}

/** Keeps the tables small. */
export function retentionJobs<Tx>(
  storage: Pick<Storage<Tx>, "outbox" | "inbox">,
  retention: Retention = {},
): readonly Job[] {
  const { outboxMs = 3 * DAY_MS, inboxFoldMs = 7 * DAY_MS, inboxIdsMs = 30 * DAY_MS } = retention;
  const { dedupMs = 7 * DAY_MS } = retention;
  return [
    {
      name: "purge",
      schedule: EVERY_TEN_MINUTES,
      leaseMs: 60_000,
      run: async () => {
        const emptied = await storage.outbox.purge(outboxMs);
        const forgotten = await inBatches((limit) => storage.outbox.forgetDedupKeys(dedupMs, limit));
        return `${emptied} outbox tables emptied, ${forgotten} dedup keys forgotten`;
      },
    },
    {
      name: "fold-inbox",
      schedule: EVERY_FIVE_MINUTES,
      leaseMs: 60_000,
      run: async () => {
        const folded = await inBatches((limit) => storage.inbox.fold(inboxFoldMs, limit));
        const forgotten = await inBatches((limit) => storage.inbox.forget(inboxIdsMs, limit));
        return `${folded} inbox records folded, ${forgotten} without a position forgotten`;
      },
    },
  ];
}

/** Repeats a bounded statement until it finds no more, or for as long as one run may take. */
async function inBatches(batch: (limit: number) => Promise<number>): Promise<number> {
  let total = 0;
  for (let batches = 0; batches < BATCHES_MAX; batches += 1) {
    const count = await batch(BATCH_ROWS);
    total += count;
    if (count < BATCH_ROWS) break;
  }
  return total;
}

function describeStatus(status: RelayStatus): string {
  switch (status.state) {
    case "leading":
      return `leads with epoch ${status.epoch}`;
    case "standby":
      return status.holder === null ? "stands by" : `stands by, ${status.holder} leads`;
    case "stopped":
      return "stopped";
    default:
      return status satisfies never;
  }
}
