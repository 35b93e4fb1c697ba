import { WaybillError } from "../errors/waybill-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { Lease, RelayStore } from "../ports/relay-store.ts";

/** Holds a lease for as long as a relay works under it. */
export interface LeaseKeeper {
  readonly lease: Lease;
  /** Aborts when the lease is lost or the keeper is stopped. */
  readonly signal: AbortSignal;
  /**
   * Makes sure that the lease is still ours before something is done under it. Costs nothing while renewals keep up;
   * after a suspension it asks the database first.
   *
   * @throws WaybillError `LEASE_LOST`
   */
  assertHeld(): Promise<void>;
  /** Asks the database whatever the time is. @throws WaybillError `LEASE_LOST` */
  verify(): Promise<void>;
  /** The lease is known to be somebody else's. */
  lose(): WaybillError;
  /**
   * The broker knows a higher epoch than the lease's. Usually another relay has the lease; if it is still ours, the
   * epoch was given by a database state that is gone, and the next lease starts a new incarnation.
   */
  loseToHigherEpoch(): Promise<WaybillError>;
  stop(): void;
}

const WENT_BACK =
  "the broker knows a higher epoch than this database ever gave: the database was restored to an earlier state";

/** Renews a lease three times per period until it is lost. */
export function keepLease(store: RelayStore, lease: Lease, leaseMs: number, clock: Clock): LeaseKeeper {
  const stopped = new AbortController();
  let safeUntil = clock.monotonicMs() + leaseMs / 2;
  let cancelTimer = schedule();

  function schedule(): () => void {
    return clock.after(
      leaseMs / 3,
      () =>
        void renew()
          .catch(() => undefined)
          .finally(again),
    );
  }

  function again(): void {
    if (!stopped.signal.aborted) cancelTimer = schedule();
  }

  async function renew(): Promise<void> {
    const asked = clock.monotonicMs();
    const held = await store.renew(lease, leaseMs);
    if (!held) throw lose();
    safeUntil = asked + leaseMs / 2;
  }

  function lose(): WaybillError {
    stop();
    return new WaybillError(
      "LEASE_LOST",
      `The relay lease of epoch ${lease.epoch} has passed to another process.`,
    );
  }

  function stop(): void {
    cancelTimer();
    stopped.abort();
  }

  return {
    lease,
    signal: stopped.signal,
    async assertHeld() {
      if (stopped.signal.aborted) throw lose();
      if (clock.monotonicMs() > safeUntil) await renew();
    },
    async verify() {
      if (!(await store.verify(lease))) throw lose();
    },
    lose,
    async loseToHigherEpoch() {
      if (await store.verify(lease)) await store.rebase(lease, WENT_BACK);
      return lose();
    },
    stop,
  };
}
