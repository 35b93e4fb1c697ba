import { expect, onTestFinished, test } from "vitest";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import { testRabbitmq } from "@waybill/services/vitest";

const server = testRabbitmq();

test("who counts on fencing is not connected to a server that cannot fence", async () => {
  const broker = rabbitmqBroker({ url: server.url, positions: true });
  onTestFinished(() => broker[Symbol.asyncDispose]());
  await expect(broker.open()).rejects.toMatchObject({
    code: "TOPOLOGY_MISMATCH",
    message: expect.stringContaining("does not fence relays"),
  });
});
