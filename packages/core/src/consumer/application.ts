import type { Envelope } from "../message/envelope.ts";
import type { Outbox } from "../outbox/create-outbox.ts";
import type { Clock } from "../ports/clock.ts";
import type { WaybillEvent } from "../ports/events.ts";
import type { Parked } from "../ports/parked-store.ts";
import type { Random } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import type { ResolvedConsumerOptions } from "./consumer-options.ts";
import type { Decision } from "./failure.ts";
import type { Isolation } from "./isolation.ts";
import type { Registration } from "./registration.ts";
import type { Timeouts } from "./timeouts.ts";

export interface ApplyParts<Tx> {
  readonly group: string;
  readonly storage: Storage<Tx>;
  readonly outbox: Outbox<Tx>;
  readonly registrations: ReadonlyMap<string, Registration<Tx>>;
  readonly trusted: ReadonlySet<string>;
  readonly options: ResolvedConsumerOptions;
  readonly random: Random;
  readonly clock: Clock;
  /** Of the handlers. */
  readonly timeouts: Timeouts;
  /** Shared by everything that runs in the process. */
  readonly isolation: Isolation;
}

/** A message that a group is to apply, as it was delivered or as it waited. */
export interface Work {
  readonly envelope: Envelope;
  /** Its parked row, when it is run from there. */
  readonly parked: Parked | null;
  /** Failed attempts so far. */
  readonly failed: number;
  /** Set when the transaction of the last attempt failed as a whole: what to do instead of trying again. */
  readonly decision: Decision | null;
}

/** A piece of work inside its transaction. */
export interface Application<Tx> {
  readonly tx: Tx;
  readonly work: Work;
  /** The message, without its position where the source is not trusted with one. */
  readonly envelope: Envelope;
  /** `undefined` when nobody in this process handles the topic. */
  readonly registration: Registration<Tx> | undefined;
  readonly parts: ApplyParts<Tx>;
}

/** The message, without its position where the source is not trusted with one. */
export function trustedEnvelope(envelope: Envelope, trusted: ReadonlySet<string>): Envelope {
  return trusted.has(envelope.source) ? envelope : { ...envelope, position: null };
}

/** What was decided; holds once the transaction has committed. */
export type Applied = WaybillEvent & { readonly type: `message.${string}` };
