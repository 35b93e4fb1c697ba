import { requirePart, whyNoHaproxy, whyNoKafka, whyNoRabbitmq } from "@waybill/services";
import { testProcess } from "@waybill/services/vitest";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { postgresUser } from "../src/postgres/postgres-user.ts";
import { folderOfUser } from "../src/process/folder-of-user.ts";
import { killMarked, markedProcesses } from "../src/process/marked-processes.ts";

const main = new URL("../src/stack/main.ts", import.meta.url);
const variables = ["DATABASE_URL", "RABBITMQ_URL", "RABBITMQ_MANAGEMENT_URL", "KAFKA_BROKERS"];
const runs =
  requirePart("rabbitmq", whyNoRabbitmq({ own: true })) && requirePart("kafka", whyNoKafka({ own: true }));

describe.runIf(runs)("npm run services", () => {
  test("starts each once, notices and heals a killed one, and leaves nothing", async () => {
    const { folder, services } = testServices();
    expect(await services("env")).toMatchObject({ code: 1 });
    expect(await services("up", "--native")).toMatchObject({ code: 0 });
    const first = await services("env");
    expect(first.output.map((line) => /^export (\w+)='\S+'$/.exec(line)?.[1])).toEqual(variables);
    const pids = markedProcesses(folder);

    const again = await services("up", "--native");
    expect(again.output.filter((line) => line.endsWith("is up"))).toHaveLength(3);
    expect(markedProcesses(folder)).toEqual(pids);
    expect((await services("env")).output).toEqual(first.output);
    expect(statesOf(await services("status"))).toEqual({
      postgres: "up",
      "waybill@localhost": "up",
      "broker 1": "up",
    });

    await killMarked(join(folder, "single", "kafka"));
    const status = await services("status");
    expect(status.code).toBe(1);
    expect(statesOf(status)).toMatchObject({ postgres: "up", "broker 1": "down" });
    expect(await services("up", "--native")).toMatchObject({ code: 0 });
    expect(await services("status")).toMatchObject({ code: 0 });
    expect((await services("env")).output).toEqual(first.output);

    expect(await services("down")).toMatchObject({ code: 0 });
    expect(markedProcesses(folder)).toEqual([]);
    expect(await services("status")).toMatchObject({ code: 1 });
    expect(await services("down"), "again").toMatchObject({ code: 0 });
  });

  test.runIf(requirePart("haproxy", whyNoHaproxy()))("starts clusters, and down ends them too", async () => {
    const { folder, services } = testServices();
    expect(await services("up", "--cluster")).toMatchObject({ code: 0 });
    const status = await services("status", "--cluster");
    expect(status.code).toBe(0);
    expect(Object.keys(statesOf(status))).toEqual([
      "postgres",
      ...[1, 2, 3].map((node) => `waybill${node}@localhost`),
      "haproxy",
      ...[1, 2, 3].map((broker) => `broker ${broker}`),
    ]);
    const { output } = await services("env", "--cluster");
    expect(output.find((line) => line.includes("KAFKA_BROKERS"))?.split(",")).toHaveLength(3);
    expect(await services("down")).toMatchObject({ code: 0 });
    expect(markedProcesses(folder)).toEqual([]);
  });
});

interface Ended {
  readonly code: number | null;
  readonly output: readonly string[];
}

function testServices() {
  const folder = folderOfUser("waybill-test", postgresUser());
  onTestFinished(async () => {
    await killMarked(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  const env = Object.fromEntries(variables.map((name) => [name, undefined]));
  const services = async (...args: string[]): Promise<Ended> => {
    const child = testProcess(main, args, { env: { ...env, WAYBILL_SERVICES_FOLDER: folder } });
    const { code } = await child.exited;
    return { code, output: child.output };
  };
  return { folder, services };
}

/** What `status` says of each part. */
function statesOf({ output }: Ended): Record<string, string> {
  const rows = output.map((line) => line.split(/ {2,}/));
  return Object.fromEntries(rows.map(([, part = "", state = ""]) => [part, state]));
}
