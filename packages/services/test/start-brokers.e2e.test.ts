import {
  isRunning,
  requirePart,
  startKafka,
  startRabbitmq,
  waitFor,
  whyNoKafka,
  whyNoRabbitmq,
} from "@waybill/services";
import { testProcess } from "@waybill/services/vitest";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { greets, hellos } from "./support/greets.ts";

const kinds = [
  {
    name: "rabbitmq" as const,
    missing: whyNoRabbitmq({ own: true }),
    start: async () => {
      const server = await startRabbitmq();
      return Object.assign(server, { port: Number(new URL(server.url).port) });
    },
  },
  {
    name: "kafka" as const,
    missing: whyNoKafka({ own: true }),
    start: async () => {
      const server = await startKafka();
      return Object.assign(server, { port: Number(server.brokers[0]?.split(":")[1]) });
    },
  },
];

describe.each(kinds)("$name", ({ name, missing, start }) => {
  const runs = requirePart(name, missing);

  test.runIf(runs)("is stopped, killed and paused, and comes back on the same port", async () => {
    await using server = await start();
    const answers = (timeoutMs: number): Promise<boolean> => greets(server.port, hellos[name], timeoutMs);
    expect(server.version).toMatch(/^\d+\.\d+/);
    await expect(answers(5_000)).resolves.toBe(true);

    server.pause();
    await expect(answers(500), "paused").resolves.toBe(false);
    server.resume();
    await expect(answers(5_000), "resumed").resolves.toBe(true);

    for (const end of ["stop", "kill"] as const) {
      const pids = server.pids;
      expect(pids).not.toEqual([]);
      await server[end]();
      expect(pids.filter(isRunning), `after ${end}`).toEqual([]);
      await expect(answers(500)).resolves.toBe(false);
      await server.start();
      await expect(answers(5_000), `started after ${end}`).resolves.toBe(true);
    }

    const pids = server.pids;
    await server[Symbol.asyncDispose]();
    expect(pids.filter(isRunning)).toEqual([]);
    expect(existsSync(server.folder)).toBe(false);
  });

  test.runIf(runs).each(["SIGTERM", "SIGKILL"] as const)("ends when its process gets %s", async (signal) => {
    const parent = testProcess(new URL("fixtures/starts-broker.ts", import.meta.url), [name]);
    const ready = await parent.ready(60_000);
    const { pids, folder } = ready as unknown as { pids: number[]; folder: string };
    expect(pids.filter(isRunning)).toEqual(pids);
    parent.kill(signal);
    await parent.exited;
    await waitFor(() => pids.filter(isRunning).length === 0 && !existsSync(folder), {
      describe: () => `the end of ${pids.filter(isRunning).join()} and ${folder}`,
    });
  });
});
