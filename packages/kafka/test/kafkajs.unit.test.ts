import { createRequire } from "node:module";
import * as fc from "fast-check";
import type { RecordMetadata } from "kafkajs";
import kafkajs from "kafkajs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { crc32c } from "../src/kafkajs/crc32c.ts";
import { errorKind, protocolErrorOf } from "../src/kafkajs/error-kind.ts";
import { internals } from "../src/kafkajs/internals.ts";
import { patiently } from "../src/kafkajs/patiently.ts";
import { mendProduce, QuickRecord } from "../src/kafkajs/quick-produce.ts";
import { mendTimers } from "../src/kafkajs/quiet-timers.ts";
import { sendComplete } from "../src/kafkajs/send-complete.ts";
import { withBeforeJoin, mendJoins } from "../src/kafkajs/before-join.ts";

const load = createRequire(import.meta.url);

afterEach(() => {
  vi.useRealTimers();
});

describe("timers of idle connections", () => {
  interface Queue {
    pending: unknown[];
    throttledUntil: number;
    checkPendingRequests(): void;
    scheduleCheckPendingRequests(): void;
  }
  const RequestQueue = internals.RequestQueue as unknown as new (options: object) => Queue;
  const newQueue = (): Queue =>
    new RequestQueue({ requestTimeout: 100, enforceRequestTimeout: false, logger: {} });

  test("no timer runs while no request waits", () => {
    mendTimers();
    vi.useFakeTimers();
    newQueue().scheduleCheckPendingRequests();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("waiting requests are looked at again, after the server's pause when it asked for one", () => {
    mendTimers();
    vi.useFakeTimers();
    const queue = newQueue();
    let looks = 0;
    queue.checkPendingRequests = () => (looks += 1);
    queue.pending = [{}];
    queue.throttledUntil = Date.now() + 500;
    queue.scheduleCheckPendingRequests();
    queue.scheduleCheckPendingRequests();
    vi.advanceTimersByTime(499);
    expect(looks).toBe(0);
    vi.advanceTimersByTime(1);
    expect(looks).toBe(1);
  });
});

describe("joins", () => {
  test("a member joins after its hook is done, and others at once", async () => {
    mendJoins();
    const ConsumerGroup = internals.ConsumerGroup as unknown as { prototype: object };
    const order: string[] = [];
    const hooked = withBeforeJoin({}, async (heartbeat) => {
      await heartbeat();
      order.push("hook");
    });
    const group = Object.assign(Object.create(ConsumerGroup.prototype) as { joinAndSync(): Promise<void> }, {
      assigners: [hooked],
      heartbeat: async () => order.push("heartbeat"),
      retrier: async () => order.push("join"),
    });
    await group.joinAndSync();
    expect(order).toEqual(["heartbeat", "hook", "join"]);
  });
});

describe("sends over several partitions", () => {
  const answer = (partition: number, errorCode = 0): RecordMetadata => ({
    topicName: "t",
    partition,
    errorCode,
  });
  const send = (answers: RecordMetadata[]): Promise<void> =>
    sendComplete(
      { sendBatch: () => Promise.resolve(answers) },
      [
        {
          topic: "t",
          messages: [0, 1].map((partition) => ({ key: null, value: Buffer.alloc(1), partition })),
        },
      ],
      { timeoutMs: 1_000, compression: kafkajs.CompressionTypes.None },
    );

  test("a partition that did not answer is an error, whatever kafkajs says", async () => {
    await send([answer(0), answer(1)]);
    await expect(send([answer(0)])).rejects.toThrow("sent nothing to partition 1 of t");
    await expect(send([answer(0), answer(1, 6)])).rejects.toThrow("partition 1");
  });
});

describe("errors", () => {
  const protocol = (type: string): Error => Object.assign(new Error(type), { type });

  test("fenced, refused, too large and unknown are told apart, through their causes", () => {
    expect(errorKind(new Error("outer", { cause: protocol("INVALID_PRODUCER_EPOCH") }))).toBe("fenced");
    expect(errorKind(new Error("Unknown error code 90"))).toBe("fenced");
    expect(errorKind(protocol("TOPIC_AUTHORIZATION_FAILED"))).toBe("topic-forbidden");
    expect(errorKind(protocol("GROUP_AUTHORIZATION_FAILED"))).toBe("forbidden");
    expect(errorKind(protocol("INVALID_RECORD"))).toBe("refused");
    expect(errorKind(protocol("MESSAGE_TOO_LARGE"))).toBe("too-large");
    expect(errorKind(protocol("NOT_ENOUGH_REPLICAS"))).toBe("unknown");
    expect(errorKind(new Error("socket hang up"))).toBe("unknown");
    expect(protocolErrorOf("text")).toBeNull();
  });

  test("a server that wants a moment is asked again, anything else is passed on", async () => {
    let asked = 0;
    const answer = await patiently(() => {
      asked += 1;
      return asked < 3 ? Promise.reject(protocol("GROUP_LOAD_IN_PROGRESS")) : Promise.resolve("here");
    });
    expect([answer, asked]).toEqual(["here", 3]);
    await expect(patiently(() => Promise.reject(protocol("GROUP_AUTHORIZATION_FAILED")))).rejects.toThrow(
      "GROUP",
    );
  });
});

describe("produce requests", () => {
  interface Encoded {
    readonly buffer: Buffer;
  }
  type Protocol = (options: { version: number }) => (given: object) => {
    request: { encode: () => Promise<Encoded> };
  };
  const quickly = (): Protocol => {
    mendProduce();
    return (internals.produce as unknown as { protocol: Protocol }).protocol;
  };
  const byKafkajs = load("kafkajs/src/protocol/requests/produce/v7/request.js") as (given: object) => {
    encode: () => Promise<Encoded>;
  };
  const Long = load("kafkajs/src/utils/long.js") as { fromValue(value: string): object };

  const record = fc.record({
    key: fc.option(fc.string({ unit: "binary", maxLength: 80 })),
    value: fc.uint8Array({ maxLength: 9_000 }).map((bytes) => Buffer.from(bytes)),
    headers: fc.dictionary(
      fc.string({ unit: "binary", maxLength: 70 }),
      fc.string({ unit: "binary", maxLength: 9_000 }),
      {
        maxKeys: 6,
        noNullPrototype: true,
      },
    ),
  });

  test("are byte for byte what kafkajs writes", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_795_000_000_000 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(record, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 }),
        fc.option(fc.constant("waybill/source/orders"), { nil: undefined }),
        async (partitions, transactionalId) => {
          const given = {
            transactionalId,
            acks: -1,
            timeout: 30_000,
            compression: 0,
            producerId: Long.fromValue("9007199254740993"),
            producerEpoch: 7,
            topicData: [
              {
                topic: "order.placed",
                partitions: partitions.map((records, partition) => ({
                  partition,
                  firstSequence: partition * 1_000,
                  messages: records.map(
                    ({ key, value, headers }) => new QuickRecord(key, value, headers, partition),
                  ),
                })),
              },
            ],
          };
          const quick = await quickly()({ version: 7 })(given).request.encode();
          const slow = await byKafkajs(given).encode();
          expect(quick.buffer.equals(slow.buffer)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("of others stay with kafkajs", async () => {
    const messages = [{ key: "k", value: Buffer.from("v"), headers: {} }];
    const topicData = [{ topic: "t", partitions: [{ partition: 0, firstSequence: 0, messages }] }];
    const given = { acks: -1, timeout: 1, producerId: Long.fromValue("1"), producerEpoch: 0, topicData };
    const { request } = quickly()({ version: 7 })(given);
    expect(request.encode.toString()).toContain("encodeTopic");
  });

  test("carry the CRC-32C of the standard's check value", () => {
    expect(crc32c(Buffer.from("123456789"), 0, 9)).toBe(0xe3069283);
    expect(crc32c(Buffer.from("xx123456789yy"), 2, 11)).toBe(0xe3069283);
  });
});
