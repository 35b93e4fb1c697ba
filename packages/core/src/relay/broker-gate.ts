import { toError } from "../errors/describe-error.ts";
import { isWaybillError } from "../errors/waybill-error.ts";
import type { Broker } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventListener } from "../ports/events.ts";
import type { Random } from "../ports/random.ts";
import { pauseMs } from "../retry/pause.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";

/** The circuit breaker between a relay and its broker: while the broker is away the relay waits and loses nothing. */
export interface BrokerGate {
  /**
   * Resolves when publishing may go on: the broker is open and knows our fence. Waits through outages.
   *
   * @throws WaybillError `LEASE_LOST` when the lease passed to another relay meanwhile
   */
  opened(): Promise<void>;
  /** The last publish settled its messages. */
  succeeded(): void;
  /** The last publish left messages unknown: the connection is suspect, and `opened` pauses and opens it anew. */
  failed(error: Error): void;
  /** Ends the current pause early. Answers whether there was one. */
  tryNow(): boolean;
  /** The error that keeps the gate shut, `null` when it is open. */
  readonly trouble: Error | null;
}

export interface GateParts {
  readonly broker: Broker;
  readonly source: string;
  readonly keeper: LeaseKeeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly pauseMaxMs: number;
  readonly emit: EventListener;
}

export function brokerGate(parts: GateParts): BrokerGate {
  const { broker, source, keeper, clock, random, pauseMaxMs, emit } = parts;
  let ready = false;
  let failures = 0;
  let trouble: Error | null = null;
  let shutSince = 0;
  let wake: AbortController | null = null;

  function shut(error: Error): void {
    if (trouble === null) shutSince = clock.monotonicMs();
    ready = false;
    trouble = error;
    failures += 1;
  }

  async function pause(error: Error): Promise<void> {
    const retryInMs = pauseMs(failures - 1, pauseMaxMs, random.fraction());
    emit({ type: "relay.paused", level: "warn", retryInMs, error });
    wake = new AbortController();
    await clock.sleep(retryInMs, AbortSignal.any([wake.signal, keeper.signal]));
    wake = null;
  }

  async function openAndFence(): Promise<void> {
    const { incarnation, epoch } = keeper.lease;
    await broker.open();
    await broker.fence({ source, incarnation, epoch });
    // Only now: a lease lost before the fence took hold must not be fenced in again by its old owner.
    await keeper.verify();
  }

  return {
    get trouble() {
      return trouble;
    },
    async opened() {
      while (!ready) {
        if (trouble !== null) await pause(trouble);
        await keeper.assertHeld();
        try {
          await openAndFence();
          ready = true;
        } catch (thrown) {
          if (isWaybillError(thrown, "LEASE_LOST")) throw thrown;
          if (isWaybillError(thrown, "BROKER_FENCED")) throw await keeper.loseToHigherEpoch();
          shut(toError(thrown));
        }
      }
    },
    succeeded() {
      if (trouble !== null)
        emit({ type: "relay.resumed", level: "info", pausedMs: Math.round(clock.monotonicMs() - shutSince) });
      trouble = null;
      failures = 0;
    },
    failed: shut,
    tryNow() {
      wake?.abort();
      return trouble !== null;
    },
  };
}
