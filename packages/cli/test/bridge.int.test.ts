import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nativeBroker } from "@waybill/broker";
import type { Envelope } from "@waybill/core";
import { testFolder, testProcess } from "@waybill/services/vitest";
import { beforeEach, describe, expect, test } from "vitest";

const MAIN = new URL("../src/main.ts", import.meta.url);
const TOPIC = "order.placed";

function message(no: number, bytes = 10): Envelope {
  return {
    id: randomUUID(),
    source: "orders",
    topic: TOPIC,
    version: 1,
    key: "o1",
    partition: 1,
    headers: {},
    contentType: "text/plain",
    payload: Buffer.alloc(bytes),
    createdAt: 1_700_000_000_000 + no,
    position: null,
  };
}

describe("waybill bridge", () => {
  let folder = "";
  let from = "";
  let to = "";

  /** A configuration like that of a worker, in a file. */
  async function config(name: string, options: object = {}): Promise<string> {
    const file = join(folder, `${name}.json`);
    const broker = { native: { dataDir: join(folder, name), ...options } };
    await writeFile(file, JSON.stringify({ source: "orders", broker }));
    return file;
  }

  /** What waits for the group at the source. */
  async function leave(...messages: Envelope[]): Promise<void> {
    await using broker = nativeBroker({ dataDir: join(folder, "old") });
    await broker.open();
    await broker.declareGroup("inventory", [TOPIC]);
    await broker.publish(messages, { fence: null, timeoutMs: 5_000 });
  }

  const run = (...args: string[]) => testProcess(MAIN, ["bridge", "--from", from, "--to", to, ...args]);

  beforeEach(async () => {
    folder = testFolder();
    from = await config("old");
    to = await config("new", { payloadBytesMax: 100 });
  });

  test("moves what waits, says what it did, and finds nothing more", async () => {
    await leave(message(0), message(1));
    const args = [
      "--until-idle",
      "300ms",
      "--groups",
      `inventory=${TOPIC}`,
      `billing=${TOPIC},order.cancelled`,
    ];
    const first = run(...args);
    expect(await first.exited, first.output.join("\n")).toEqual({ code: 0, signal: null });
    const nothing = { read: 0, published: 0, confirmed: 0, rejected: 0, behind: 0, notMeant: 0 };
    const groups = { inventory: { ...nothing, read: 2, published: 2, confirmed: 2 }, billing: nothing };
    expect(first.lines.at(-1)).toEqual({ event: "bridged", ended: "idle", groups });
    expect(first.lines).toContainEqual(expect.objectContaining({ event: "bridge.progress", groups }));
    const second = run(...args);
    expect(await second.exited).toEqual({ code: 0, signal: null });
    expect(second.lines.at(-1)).toMatchObject({ groups: { inventory: nothing, billing: nothing } });
  });

  test("exits with 1 when the target refuses messages, and names them", async () => {
    const large = message(0, 1_000);
    await leave(large, message(1));
    const bridge = run("--until-idle", "300ms", "--groups", `inventory=${TOPIC}`);
    expect(await bridge.exited, bridge.output.join("\n")).toEqual({ code: 1, signal: null });
    expect(bridge.lines.at(-1)).toMatchObject({ groups: { inventory: { read: 2, rejected: 1, behind: 1 } } });
    expect(bridge.lines).toContainEqual(
      expect.objectContaining({
        event: "bridge.rejected",
        group: "inventory",
        message: expect.objectContaining({ id: large.id }) as object,
      }),
    );
  });

  test("runs until it is told to stop", async () => {
    await leave(message(0));
    const bridge = run("--groups", `inventory=${TOPIC}`);
    await bridge.line(({ event, groups }) => {
      const counts = (groups as Record<string, { confirmed: number }> | undefined)?.["inventory"];
      return event === "bridge.progress" && counts?.confirmed === 1;
    });
    bridge.kill("SIGTERM");
    expect(await bridge.exited).toEqual({ code: 0, signal: null });
    expect(bridge.lines.at(-1)).toMatchObject({ event: "bridged", ended: "stopped" });
  });

  test("exits with 2 for wrong usage", async () => {
    const wrong = [
      ["--groups", "inventory"],
      ["--groups", "inventory="],
      ["--groups", "inventory=a", "inventory=b"],
      ["--groups", "inventory=a", "--until-idle", "soon"],
      ["--until-idle", "5s"],
    ];
    for (const args of wrong) expect(await run(...args).exited, args.join(" ")).toMatchObject({ code: 2 });
    to = from.replace("old", "missing");
    expect(await run("--groups", "inventory=a").exited).toMatchObject({ code: 2 });
  });
});
