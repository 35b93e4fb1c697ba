import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { testBroker } from "../support/broker-target.ts";
import { expectRoundTrip } from "./support/round-trip.ts";

const program = fileURLToPath(new URL("../fixtures/rabbitmq-client-round-trip.ts", import.meta.url));

const bed = testBroker();

test("rabbitmq-client connects, declares, publishes with confirms, consumes, and goes on after a kill of the broker", async () => {
  const args = ["--conditions=waybill-source", program];
  await expectRoundTrip(bed.broker, { command: process.execPath, args }, "NOT_FOUND");
});
