import { requirePart, whyNoRabbitmq } from "@waybill/services";
import { expect, test } from "vitest";
import { broker } from "../src/broker.ts";

const rabbitmq = requirePart("rabbitmq", whyNoRabbitmq({ own: true }));

test.runIf(rabbitmq)(
  "the server takes more than RabbitMQ does, and every message of every load arrives once",
  async () => {
    // A load that is lost, delivered twice or left in its queue makes the benchmark throw.
    const { more = {} } = await broker({ rounds: 1, seconds: 1 });
    for (const field of ["embedded", "server", "p99HalfLoadMs", "p50Ms", "serverMicros", "amqplib"])
      expect(more[field], field).toBeGreaterThan(0);
    expect(more["vsClassic"]).toBeGreaterThan(1.5);
    expect(more["vsQuorum"]).toBeGreaterThan(1);
    expect(Number(more["serverMicros"])).toBeLessThan(Number(more["serverMicrosClassic"]));
  },
);
