import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, test } from "vitest";
import { requirePart } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { testBroker } from "../support/broker-target.ts";
import { whyNoTool } from "./support/find-tool.ts";
import { expectRoundTrip } from "./support/round-trip.ts";

const run = promisify(execFile);
const sources = fileURLToPath(new URL("go", import.meta.url));
const missing = whyNoTool("go", ["version"], "golang-go");

describe.runIf(requirePart("go", missing))(`Go (${missing ?? "of this machine"})`, () => {
  const bed = testBroker();

  test("amqp091-go connects, declares, publishes with confirms, consumes, and goes on after a kill of the broker", async () => {
    const command = join(testFolder(), "round-trip");
    const env = { ...process.env, CGO_ENABLED: "0" }; // Without a C compiler.
    await run("go", ["build", "-o", command, "."], { cwd: sources, env, timeout: 200_000 });
    await expectRoundTrip(bed.broker, { command, args: [] }, 404);
  });
});
