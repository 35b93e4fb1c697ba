import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { testFolder } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { brokerCommand, brokerProcess, client, startBrokerBed } from "./broker-bed.ts";

const QUEUE = "orders";

/** A data folder with ten messages, each written on its own, and nobody in it. */
async function folderWithMessages(): Promise<string> {
  const dataDir = join(testFolder(), "data");
  const { process: broker, plain } = await startBrokerBed(dataDir);
  const channel = await (await client(`amqp://guest:guest@${plain}`)).createConfirmChannel();
  await channel.assertQueue(QUEUE, { durable: true });
  for (let number = 0; number < 10; number += 1) {
    channel.sendToQueue(QUEUE, Buffer.from(`message ${number} is here`), { persistent: true });
    await channel.waitForConfirms();
  }
  broker.kill("SIGKILL");
  await broker.exited;
  return dataDir;
}

/** Changes a byte in the middle of one message. */
async function damage(dataDir: string): Promise<void> {
  const [segment = ""] = await readdir(join(dataDir, "log"));
  const file = await open(join(dataDir, "log", segment), "r+");
  try {
    const content = await file.readFile();
    const place = content.indexOf("message 4 is here");
    if (place < 0) throw new Error("the message is not in the first segment");
    await file.write(Buffer.from("M"), 0, 1, place);
  } finally {
    await file.close();
  }
}

async function waiting(plain: string): Promise<string[]> {
  const channel = await (await client(`amqp://guest:guest@${plain}`)).createChannel();
  const found: string[] = [];
  for (;;) {
    const message = await channel.get(QUEUE, { noAck: true });
    if (message === false) return found;
    found.push(message.content.toString());
  }
}

test("inspect says that nothing is damaged, also of a folder in use", async () => {
  const dataDir = await folderWithMessages();
  const inspected = await brokerCommand(["inspect", "--data-dir", dataDir]);
  expect(inspected).toMatchObject({ code: 0, stderr: "" });
  expect(inspected.stdout).toContain("Nothing is damaged.");
  const { process: broker } = await startBrokerBed(dataDir);
  const used = await brokerCommand(["inspect", "--data-dir", dataDir]);
  expect(used).toMatchObject({ code: 0, stderr: "" });
  expect(used.stdout).toContain(`In use by process ${broker.pid}`);
  const repair = await brokerCommand(["repair", "--yes", "--data-dir", dataDir]);
  expect(repair.code).toBe(1);
  expect(repair.stderr).toMatch(
    new RegExp(`^DATA_DIR_OWNED: .* in use by process ${broker.pid}\\. Stop it first\\.`),
  );
});

test("a damaged folder does not start; repair says what it would do, then keeps everything else", async () => {
  const dataDir = await folderWithMessages();
  await damage(dataDir);
  const refused = brokerProcess(dataDir);
  expect(await refused.exited).toEqual({ code: 1, signal: null });
  expect(refused.output.join("\n")).toMatch(/DATA_DIR_DAMAGED: .*waybill broker repair/);
  const inspected = await brokerCommand(["inspect", "--data-dir", dataDir, "--json"]);
  expect(inspected).toMatchObject({ code: 1, stderr: "" });
  const { damage: places } = JSON.parse(inspected.stdout) as { damage: unknown[] };
  expect(places).toMatchObject([{ kind: "batch" }]);
  const planned = await brokerCommand(["repair", "--data-dir", dataDir]);
  expect(planned).toMatchObject({ code: 0, stderr: "" });
  expect(planned.stdout).toMatch(
    /What would be done:[^]*Lost for good: records \d+ to \d+\.[^]*Nothing was changed/,
  );
  expect((await brokerCommand(["inspect", "--data-dir", dataDir])).code, "still damaged").toBe(1);
  const repaired = await brokerCommand(["repair", "--yes", "--data-dir", dataDir]);
  expect(repaired).toMatchObject({ code: 0, stderr: "" });
  expect(repaired.stdout).toMatch(/What was done:/);
  expect(await readdir(dataDir)).toContain("damaged-1");
  expect((await brokerCommand(["repair", "--data-dir", dataDir])).stdout).toContain("nothing to repair");
  const { plain } = await startBrokerBed(dataDir);
  const kept = [0, 1, 2, 3, 5, 6, 7, 8, 9].map((number) => `message ${number} is here`);
  expect(await waiting(plain)).toEqual(kept);
});

test("a folder without a log is told from a damaged one", async () => {
  const { code, stderr } = await brokerCommand(["inspect", "--data-dir", testFolder()]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^OPTIONS_INVALID: .* Give the folder to --data-dir\./);
});
