import type { Envelope } from "@waybill/core";
import { expect } from "vitest";
import { comparable, newEnvelope } from "../support/messages.ts";
import type { BrokerSuite } from "./broker-bed.ts";
import { historyOf, publishAll } from "./broker-bed.ts";
import { collect } from "./collector.ts";

const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
/** Every character but NUL up to U+024F, and some from further planes. */
const manyCharacters = `${String.fromCodePoint(...Array.from({ length: 0x24f }, (_, index) => index + 1))}日本\u{1f680}`;

const contents: Readonly<Record<string, Partial<Envelope>>> = {
  "every byte in the payload": { payload: allBytes },
  "an empty payload": { payload: new Uint8Array() },
  "a payload of a megabyte": { payload: new Uint8Array(1024 * 1024).fill(0xa5) },
  "a slice of a larger buffer": { payload: new Uint8Array(allBytes.buffer, 10, 20) },
  "every character in a header": {
    headers: { "x-text": manyCharacters, "x-empty": "", "X-Upper": " spaces " },
  },
  "many headers": {
    headers: Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x-${n}`, `value ${n}`])),
  },
  "no key": { key: null, partition: 17 },
  "every character in the key": { key: manyCharacters.slice(0, 100) },
  "an empty key": { key: "" },
  "another content type and version": { contentType: "application/cbor", version: 2_147_483_647 },
  "a time with milliseconds": { createdAt: 1_763_812_345_678 },
};

export function contentCases({ runs }: BrokerSuite): void {
  for (const [title, change] of Object.entries(contents)) {
    runs(`a message arrives as it was published: ${title}`, [], async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const plain = newEnvelope({ topic, ...change });
      const placed = historyOf(topic)(change);
      const consumer = await collect(broker, { group, topics: [topic], prefetch: 1 });
      await publishAll(broker, [plain]);
      await consumer.until(1);
      await publishAll(broker, [placed]);
      await consumer.until(2);
      await consumer.close();
      const got = consumer.deliveries.map(({ envelope }) => comparable(envelope));
      expect(got).toEqual([comparable(plain), comparable(placed)]);
    });
  }

  runs(
    "a payload that changes after the publish does not change the message",
    [],
    async ({ broker, topic, group }) => {
      await broker.declareGroup(group, [topic]);
      const payload = Uint8Array.of(1, 2, 3);
      await publishAll(broker, [newEnvelope({ topic, payload })]);
      payload.fill(9);
      const consumer = await collect(broker, { group, topics: [topic] });
      const [delivery] = await consumer.until(1);
      await consumer.close();
      expect([...(delivery?.envelope.payload ?? [])]).toEqual([1, 2, 3]);
    },
  );
}
