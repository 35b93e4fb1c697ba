import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { requirePart, straceCommand, waitFor, whyNoStrace } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { describe, expect, onTestFinished, test } from "vitest";
import { client, startBrokerBed } from "./broker-bed.ts";

/** From now on no fdatasync of the process succeeds. */
async function failDisk(pid: number): Promise<void> {
  const [strace = "", ...args] = straceCommand({ calls: ["fdatasync"], error: "EIO", nth: 1 });
  const everyone = args.map((arg) => arg.replace("when=1", "when=1+"));
  const child = spawn(strace, [...everyone.filter((arg) => arg !== "-qq"), "-p", String(pid)]);
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  await waitFor(() => /attached/.test(said), { describe: () => `strace to be attached: ${said}` });
}

const missing = whyNoStrace();
describe.runIf(requirePart("strace", missing))(`a disk that fails ${missing ?? ""}`, () => {
  test("nothing is confirmed, clients are told 541, and the broker ends with 1 instead of going on", async () => {
    const dataDir = join(testFolder(), "data");
    const { process: broker, plain } = await startBrokerBed(dataDir);
    const connection = await client(`amqp://guest:guest@${plain}`);
    const closed = once(connection, "error") as Promise<[Error]>;
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => undefined);
    await channel.assertQueue("orders", { durable: true });
    await failDisk(broker.pid);
    channel.sendToQueue("orders", Buffer.from("one"), { persistent: true });
    await expect(channel.waitForConfirms()).rejects.toThrow(/closed/);
    expect((await closed)[0].message).toMatch(/541/);
    expect(await broker.exited).toEqual({ code: 1, signal: null });
    expect(broker.lines.map(({ event }) => event)).toEqual(
      expect.arrayContaining(["server.failed", "stopping"]),
    );
    const again = await startBrokerBed(dataDir);
    await (await client(`amqp://guest:guest@${again.plain}`)).createChannel();
  });
});
