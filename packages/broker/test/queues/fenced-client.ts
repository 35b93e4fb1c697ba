import { randomUUID } from "node:crypto";
import { encodeProperties } from "@waybill/amqp";
import type { FieldTable } from "@waybill/amqp";
import type { FenceMessage, PublishVerdict } from "@waybill/broker/queues";
import { Client } from "./engine-fixture.ts";

const INCARNATION: string = randomUUID();
export const EXCHANGE = "waybill";
const TOPIC = "thing";

export interface PositionedMessage {
  readonly id: string;
  readonly sequence: number;
  readonly partition?: number;
  readonly topic?: string;
  readonly headers?: FieldTable;
  readonly deliveryMode?: number;
}

/** A client that numbers its publications as AMQP does. */
export class FencedClient extends Client {
  #published = 0;

  /** The number of its last publication. */
  get published(): number {
    return this.#published;
  }

  /** The exchange, and a queue `q` that gets everything of the topic. */
  async prepare(args: FieldTable = {}): Promise<void> {
    await this.exchange(EXCHANGE, "topic");
    await this.declare("q", args);
    await this.bind("q", EXCHANGE, TOPIC);
  }

  /** @param epoch `null`: without a fence */
  fence(epoch: number | null, change: Partial<FenceMessage> = {}): PublishVerdict {
    this.#published += 1;
    const fence = epoch === null ? null : { source: "orders", incarnation: INCARNATION, epoch };
    return this.session.fence({
      exchange: EXCHANGE,
      fence,
      number: this.#published,
      answered: 0,
      ...change,
    });
  }

  positioned(message: PositionedMessage): PublishVerdict {
    this.#published += 1;
    const { id, sequence, partition = 0, topic = TOPIC, headers = {}, deliveryMode = 2 } = message;
    return this.session.publish({
      exchange: EXCHANGE,
      routingKey: topic,
      properties: encodeProperties({
        deliveryMode,
        messageId: id,
        appId: "orders",
        headers: {
          "waybill-partition": String(partition),
          "waybill-incarnation": INCARNATION,
          "waybill-sequence": String(sequence),
          ...headers,
        },
      }),
      body: Buffer.from(id),
    });
  }
}
