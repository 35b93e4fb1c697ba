import type { Consumer } from "../consumer/create-consumer.ts";
import type { Storage } from "../ports/storage.ts";
import type { Relay, RelayStatus } from "../relay/create-relay.ts";
import type { Job } from "../scheduler/create-scheduler.ts";

const EVERY_SECOND = "* * * * * *";
const EVERY_FIVE_SECONDS = "*/5 * * * * *";
const EVERY_FIVE_MINUTES = "*/5 * * * *";
const EVERY_TEN_MINUTES = "*/10 * * * *";

const DAY_MS = 86_400_000;
const FOLD_ROWS_MAX = 20_000;

/** How long settled things are kept. */
export interface Retention {
  /** Confirmed messages stay in the outbox for so long, for replay. Milliseconds; default 3 days. */
  readonly outboxMs?: number;
  /**
   * Inbox records keep their message ids for so long before they are folded into ranges of positions. Must exceed
   * the longest failover lag. Milliseconds; default 7 days.
   */
  readonly inboxIdsMs?: number;
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

/** Keeps the tables small. */
export function retentionJobs<Tx>(
  storage: Pick<Storage<Tx>, "outbox" | "inbox">,
  retention: Retention = {},
): readonly Job[] {
  const { outboxMs = 3 * DAY_MS, inboxIdsMs = 7 * DAY_MS } = retention;
  return [
    {
      name: "purge",
      schedule: EVERY_TEN_MINUTES,
      leaseMs: 60_000,
      run: async () => `${await storage.outbox.purge(outboxMs)} outbox tables emptied`,
    },
    {
      name: "fold-inbox",
      schedule: EVERY_FIVE_MINUTES,
      leaseMs: 60_000,
      run: async () => `${await storage.inbox.fold(inboxIdsMs, FOLD_ROWS_MAX)} inbox records folded`,
    },
  ];
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
