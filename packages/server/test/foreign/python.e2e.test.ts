import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, test } from "vitest";
import { requirePart } from "@waybill/services";
import { testBroker } from "../support/broker-target.ts";
import { cachedFolder } from "./support/cached-folder.ts";
import { whyNoTool } from "./support/find-tool.ts";
import { expectRoundTrip } from "./support/round-trip.ts";

const run = promisify(execFile);
const here = (file: string): string => fileURLToPath(new URL(`python/${file}`, import.meta.url));
const missing = whyNoTool("python3", ["-m", "pip", "--version"], "python3-pip");

describe.runIf(requirePart("python", missing))(`Python (${missing ?? "of this machine"})`, () => {
  const bed = testBroker();

  test("pika connects, declares, publishes with confirms, consumes, and goes on after a kill of the broker", async () => {
    const requirements = readFileSync(here("requirements.txt"), "utf8");
    const packages = await cachedFolder("foreign-python", requirements, (folder) => {
      const args = ["-m", "pip", "install", "--quiet", "--no-input", "--target", folder];
      return run("python3", [...args, "--requirement", here("requirements.txt")], { timeout: 120_000 });
    });
    const env = { PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: "1" };
    await expectRoundTrip(bed.broker, { command: "python3", args: [here("round_trip.py")], env }, 404);
  });
});
