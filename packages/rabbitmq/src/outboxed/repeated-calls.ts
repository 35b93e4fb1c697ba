import type { Envelope, PublishResult } from "@waybill/core";
import { WaybillError } from "@waybill/core";
import type { Flight } from "../publish/batch.ts";
import { guiltyOf } from "../publish/guilty.ts";
import type { Blame, Returned, Traffic } from "../publish/traffic.ts";
import { replyCodeOf } from "../topology/topology-mismatch.ts";
import { messageIdOf } from "../wire/from-amqp.ts";
import { readCall, type PublishCall } from "./call.ts";
import { repeatCall, repeatedOptions, type RepeatedOptions } from "./repeat-call.ts";

interface Repeated {
  readonly call: PublishCall;
  readonly options: RepeatedOptions;
}

/** Calls of `publish` that `outboxed` took, each with its own exchange. */
export function repeatedCalls(): Traffic {
  const read = new WeakMap<Envelope, Repeated>();
  const of = (envelope: Envelope): Repeated => {
    const known = read.get(envelope);
    if (known !== undefined) return known;
    const call = readCall(envelope);
    const repeated = { call, options: repeatedOptions(envelope, call) };
    read.set(envelope, repeated);
    return repeated;
  };
  return {
    prepare: () => Promise.resolve(),
    senderOn: (channel) => ({
      send: (envelope) => {
        const { call, options } = of(envelope);
        repeatCall(channel, call, options, envelope.payload);
      },
      flush: () => {},
    }),
    isReturned: (envelope, returned) => isReturned(of(envelope), returned),
    unroutable: (envelope) => unroutable(of(envelope).call),
    blame: (unconfirmed, error) => blame(unconfirmed, error, ({ envelope }) => of(envelope).call),
  };
}

/** The id may be the application's own, and then others may have it: those of the same route share its fate. */
function isReturned({ call, options }: Repeated, { fields, properties }: Returned): boolean {
  return (
    fields.exchange === call.exchange &&
    fields.routingKey === call.routingKey &&
    messageIdOf(properties) === messageIdOf(options)
  );
}

function unroutable({ exchange, routingKey }: PublishCall): PublishResult {
  const route =
    exchange === ""
      ? `There is no queue "${routingKey}"`
      : `No queue of the exchange "${exchange}" takes "${routingKey}"`;
  const error = new WaybillError(
    "UNROUTABLE",
    `${route}: declare and bind one. Where that is on purpose, give outboxed unroutable: "drop".`,
  );
  return { kind: "rejected", error, retryable: true };
}

/**
 * The server closes the channel for an exchange that does not exist or may not be written to, and says which. It also
 * does for a `userId` that is not the relay's, or an odd `expiration`, and does not say whose: one that is alone is meant.
 */
function blame(
  unconfirmed: readonly Flight[],
  error: Error,
  callOf: (flight: Flight) => PublishCall,
): Blame | null {
  if (replyCodeOf(error) === undefined) return null;
  return { guilty: guiltyOf(unconfirmed, error, callOf), result: refused(error) };
}

function refused(cause: Error): PublishResult {
  const error = new WaybillError("BROKER_REFUSED", `RabbitMQ refused the call: ${cause.message}`, { cause });
  return { kind: "rejected", error, retryable: true };
}
