import type { ChannelModel, ConfirmChannel, Message } from "amqplib";
import type { Envelope, PublishResult } from "@waybill/core";
import type { Topology } from "../topology/topology.ts";
import { isForbidden } from "../topology/topology-mismatch.ts";
import { messageIdOf } from "../wire/from-amqp.ts";
import { toAmqp } from "../wire/to-amqp.ts";
import type { Flight } from "./batch.ts";
import { guiltyOf } from "./guilty.ts";
import { messageSender } from "./message-sender.ts";
import { forbidden, unroutable } from "./refusals.ts";

/** How envelopes leave on a channel. */
export interface EnvelopeSender {
  /**
   * @throws RangeError or TypeError when the message cannot be encoded, IllegalOperationError when the channel is closed:
   * it was not sent then, and takes no delivery tag
   */
  send(envelope: Envelope): void;
  /** What was sent leaves now. */
  flush(): void;
}

/** A message that the server could not route. */
export type Returned = Pick<Message, "fields" | "properties">;

/** What a publisher publishes: Waybill's own messages, or calls that it repeats. */
export interface Traffic {
  /** Makes a new connection ready for it. */
  prepare(model: ChannelModel): Promise<void>;
  senderOn(channel: ConfirmChannel): EnvelopeSender;
  /** Whether the message that came back is this one, or a copy of it. */
  isReturned(envelope: Envelope, returned: Returned): boolean;
  unroutable(envelope: Envelope): PublishResult;
  /** Whose fault it is that the channel was closed; `null` when it is nobody's, and all is unknown. */
  blame(unconfirmed: readonly Flight[], error: Error): Blame | null;
}

/** Messages for which the server closed a channel: they are rejected, the others are published again. */
export interface Blame {
  /** None when one of them must be, but the server did not say which: then each is published alone. */
  readonly guilty: readonly Flight[];
  readonly result: PublishResult;
}

/** Waybill's own messages, which go to its exchange. */
export function ownMessages(exchange: string, topology: Topology): Traffic {
  return {
    prepare: (model) => topology.restore(model),
    senderOn(channel) {
      const sender = messageSender(channel, exchange);
      return {
        send: (envelope) => sender.send(envelope.topic, toAmqp(envelope)),
        flush: () => sender.flush(),
      };
    },
    isReturned: ({ id }, { properties }) => messageIdOf(properties) === id,
    unroutable,
    blame(unconfirmed, error) {
      if (!isForbidden(error)) return null;
      const routeOf = ({ envelope }: Flight) => ({ exchange, routingKey: envelope.topic });
      return { guilty: guiltyOf(unconfirmed, error, routeOf), result: forbidden(exchange, error) };
    },
  };
}
