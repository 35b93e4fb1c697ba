import { requirePart, whyNoKafka } from "@waybill/services";
import { testKafka } from "@waybill/services/vitest";
import { describe, expect, test } from "vitest";
import { greets, hellos } from "./support/greets.ts";

describe.runIf(requirePart("kafka", whyNoKafka()))("testKafka", () => {
  const first = testKafka();
  const second = testKafka();

  test("gives each caller a prefix of its own on the one cluster of the run", async () => {
    expect(first.prefix).not.toBe(second.prefix);
    expect(first.brokers).toEqual(second.brokers);
    const port = Number(first.brokers[0]?.split(":")[1]);
    await expect(greets(port, hellos.kafka, 5_000)).resolves.toBe(true);
  });
});
