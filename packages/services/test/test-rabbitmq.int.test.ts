import { requirePart, whyNoRabbitmq } from "@waybill/services";
import { testRabbitmq } from "@waybill/services/vitest";
import { describe, expect, test } from "vitest";
import { greets, hellos } from "./support/greets.ts";

describe.runIf(requirePart("rabbitmq", whyNoRabbitmq()))("testRabbitmq", () => {
  const first = testRabbitmq();
  const second = testRabbitmq();

  test("gives each caller a virtual host on the one server of the run", async () => {
    const [one, two] = [new URL(first.url), new URL(second.url)];
    expect(one.host).toBe(two.host);
    await expect(greets(Number(one.port), hellos.rabbitmq, 5_000)).resolves.toBe(true);
  });

  // Without the HTTP API, a server of RABBITMQ_URL has the virtual host of the URL alone.
  test("makes it a virtual host of its own", ({ skip }) => {
    skip(first.managementUrl === null, "the HTTP API of RABBITMQ_URL cannot be reached");
    expect(first.vhost).not.toBe(second.vhost);
    expect(new URL(first.url).pathname).toBe(`/${first.vhost}`);
  });
});
