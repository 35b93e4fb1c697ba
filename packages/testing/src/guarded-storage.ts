import type { Claim, ClaimRequest, NewParked, Storage } from "@waybill/core";
import { guardedPort } from "./guarded-port.ts";
import { guardedSavepoint, guardedWork, type Claims } from "./guarded-work.ts";
import type { Journal } from "./journal.ts";
import type { Life } from "./life.ts";

/** All processes of a bed go by this name, so that a new one need not wait for the leases of a dead one. */
const OWNER = "waybill-test-bed";

export interface GuardedStorageParts {
  readonly life: Life;
  readonly journal: Journal;
  /** The clock by which things are due, milliseconds since the epoch. */
  readonly now: () => number;
  /** Called with a function that makes the relay look. */
  readonly onListen: (nudge: () => void) => void;
  /** Somebody else holds the lease of the relay. */
  readonly onHeld: (owner: string, expiresInMs: number) => void;
}

/** The storage as one process sees it: every await may be its last, and what it does is noted. */
export function guardedStorage<Tx>(storage: Storage<Tx>, parts: GuardedStorageParts): Storage<Tx> {
  const { life, journal } = parts;
  const claims: Claims = new WeakMap();
  const inbox = guardedInbox(storage, life, claims);
  const transaction: Storage<Tx>["transaction"] = (work, options) =>
    guardedWork(storage, { life, journal, claims, options }, work);
  return {
    name: storage.name,
    outbox: guardedOutbox(storage, parts),
    relay: guardedRelay(storage, parts),
    parked: guardedParked(storage, parts),
    inbox,
    deadLetters: guardedDeadLetters(storage, parts, claims),
    jobs: guardedPort(storage.jobs, "storage.jobs", life, {
      instead: {
        begin: (job) => storage.jobs.begin({ ...job, owner: OWNER }),
        finish: (run) => storage.jobs.finish({ ...run, owner: OWNER }),
      },
    }),
    check: (source) => life.pass("storage.check", () => storage.check(source)),
    transaction,
    // One await after the other, so that a process can die between them.
    claimed: (request, work, options) =>
      transaction(async (tx) => work(tx, await inbox.claim(tx, request)), options),
    savepoint: (tx, work, options) => guardedSavepoint({ storage, life, options }, tx, work),
    // The storage outlives its processes; the bed disposes of it.
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function guardedInbox<Tx>(storage: Storage<Tx>, life: Life, claims: Claims): Storage<Tx>["inbox"] {
  const { inbox } = storage;
  return guardedPort(inbox, "storage.inbox", life, {
    instead: {
      async claim(tx: Tx, request: ClaimRequest): Promise<Claim> {
        const claim = await inbox.claim(tx, request);
        const { group, envelope } = request;
        if (claim === "claimed" || claim === "conflict")
          claims.get(tx as object)?.set(claimName(group, envelope.id), { group, envelope });
        return claim;
      },
      async unclaim(tx: Tx, group: string, messageId: string): Promise<void> {
        await inbox.unclaim(tx, group, messageId);
        claims.get(tx as object)?.delete(claimName(group, messageId));
      },
    },
  });
}

function guardedDeadLetters<Tx>(
  storage: Storage<Tx>,
  parts: GuardedStorageParts,
  claims: Claims,
): Storage<Tx>["deadLetters"] {
  const { deadLetters } = storage;
  const { life, journal, now } = parts;
  return guardedPort(deadLetters, "storage.deadLetters", life, {
    instead: {
      bury(tx, letter) {
        claims.get(tx as object)?.delete(claimName(letter.group, letter.envelope.id));
        return deadLetters.bury(tx, letter);
      },
      async takeGiveUp(tx: Tx, topic: string) {
        const due = await deadLetters.takeGiveUp(tx, topic);
        if (due !== null) journal.move(`the end of a ${topic} that was given up is handled`);
        return due;
      },
      giveUpAgain(tx, deadLetterId, change) {
        if (change.dueInMs !== null) journal.due(now() + change.dueInMs);
        return deadLetters.giveUpAgain(tx, deadLetterId, change);
      },
    },
  });
}

function guardedOutbox<Tx>(storage: Storage<Tx>, parts: GuardedStorageParts): Storage<Tx>["outbox"] {
  const { outbox } = storage;
  const { life, journal } = parts;
  return guardedPort(outbox, "storage.outbox", life, {
    sync: ["assertTransaction", "afterCommit"],
    instead: {
      async openWindow(from, limit) {
        const opened = await outbox.openWindow(from, limit);
        journal.read(opened.rows);
        return opened;
      },
      async readWindow(window, afterRowId, limit) {
        const rows = await outbox.readWindow(window, afterRowId, limit);
        journal.read(rows);
        return rows;
      },
      // Settling nudges. A nudge from anywhere else would make the relay move at times that no test can know.
      nudge: () => Promise.resolve(),
      onNudge(listener) {
        parts.onListen(listener);
        return Promise.resolve(() => Promise.resolve());
      },
    },
  });
}

function guardedRelay<Tx>(storage: Storage<Tx>, parts: GuardedStorageParts): Storage<Tx>["relay"] {
  const { relay } = storage;
  const { life, journal, now } = parts;
  // A publish came before: what is recorded now is its outcome.
  let settles = false;
  return guardedPort(relay, "storage.relay", life, {
    instead: {
      async acquire(_owner, leaseMs) {
        const answer = await relay.acquire(OWNER, leaseMs);
        if (answer.kind === "held") parts.onHeld(answer.owner, answer.expiresInMs);
        else journal.move(`the relay takes its lease, epoch ${answer.lease.epoch}`);
        return answer;
      },
      apply(lease, step) {
        noteDues(step.park, parts);
        for (const change of step.parked) if (change.kind === "again") journal.due(now() + change.dueInMs);
        return relay.apply(lease, step);
      },
    },
    names: {
      apply: {
        before() {
          settles = journal.takePublished();
          return settles ? "before-settle" : undefined;
        },
        after: () => (settles ? "after-settle" : undefined),
      },
    },
  });
}

function guardedParked<Tx>(storage: Storage<Tx>, parts: GuardedStorageParts): Storage<Tx>["parked"] {
  const { parked } = storage;
  const { life, journal, now } = parts;
  return guardedPort(parked, "storage.parked", life, {
    instead: {
      async dueOutgoing(limit) {
        const due = await parked.dueOutgoing(limit);
        if (due.parked.length > 0) journal.move(`the relay finds ${due.parked.length} parked messages due`);
        return due;
      },
      async takeDue(tx: Tx, group: string, parkedId?: number) {
        const due = await parked.takeDue(tx, group, parkedId);
        if (due !== null) journal.move(`group ${group} runs a parked ${due.envelope.topic}`);
        return due;
      },
      park(tx, message) {
        noteDues([message], parts);
        return parked.park(tx, message);
      },
      again(tx, parkedId, change) {
        journal.due(now() + change.dueInMs);
        return parked.again(tx, parkedId, change);
      },
    },
  });
}

function noteDues(messages: readonly NewParked[], { journal, now }: GuardedStorageParts): void {
  for (const { due } of messages) journal.due("at" in due ? due.at : now() + due.inMs);
}

function claimName(group: string, messageId: string): string {
  return `${messageId} ${group}`;
}
