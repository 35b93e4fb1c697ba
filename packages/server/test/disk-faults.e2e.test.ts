import { writeFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type ChannelModel, type ConfirmChannel } from "amqplib";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  freePort,
  requirePart,
  smallDisk,
  straceCommand,
  waitFor,
  whyNoSmallDisk,
  whyNoStrace,
} from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { startProgram, type ForeignProgram } from "./foreign/support/start-program.ts";
import { newQueue, newStream, reportOf, type QueueLedger } from "./kill-loop/ledger.ts";
import { drain, startLoad } from "./kill-loop/load.ts";
import { startWaybill } from "./support/broker-target.ts";

const KIB = 1024;
/** Of 20 KiB: far more than the small disk holds. */
const MESSAGES_MAX = 2_000;
const brokerProcess = fileURLToPath(new URL("fixtures/broker-process.ts", import.meta.url));
/** Small, so that faults also meet new segments and checkpoints. */
const engine = { segmentBytes: 512 * KIB, fillAheadBytes: 64 * KIB, checkpointBytes: 256 * KIB };

interface Fault {
  readonly calls: readonly string[];
  readonly error: string;
  readonly nth: number;
}

/** A server in which the nth such call of the operating system fails. */
function startFaulty(dataDir: string, port: number, fault: Fault): ForeignProgram {
  const [command = "", ...args] = straceCommand(fault);
  const options = JSON.stringify({ engine });
  const node = [process.execPath, "--conditions=waybill-source", brokerProcess];
  return startProgram({
    command,
    // -D: the process that is killed in the end is the server. One thread makes all calls, so that the nth is the nth.
    args: ["-D", "--seccomp-bpf", ...args, ...node, dataDir, "127.0.0.1", String(port), options],
    env: { UV_THREADPOOL_SIZE: "1" },
  });
}

/** Far more than fit between the first call and the one that fails, also when many share a call. */
const MESSAGES_ENOUGH = 20_000;

/** Publishes and consumes until the server ends, or long enough for a call that fails to have come. */
async function loadUntilFault(
  program: ForeignProgram,
  url: string,
  queues: readonly QueueLedger[],
): Promise<void> {
  const enough = (): boolean => queues.every(({ stream }) => stream.confirmed.size >= MESSAGES_ENOUGH);
  const load = await startLoad(url, queues).catch(() => null); // The fault came first: the server is about to end.
  await waitFor(() => program.hasEnded() || enough(), { deadlineMs: 20_000 });
  await load?.close();
}

const missingStrace = whyNoStrace();
describe.runIf(requirePart("strace", missingStrace))(
  `a call of the kernel that fails ${missingStrace ?? ""}`,
  () => {
    test.each<[string, string, number[]]>([
      ["fdatasync", "EIO", [6, 25]],
      ["pwrite64", "EIO", [20]],
      ["pwrite64", "ENOSPC", [20]],
      ["fsync", "EIO", [2, 4]],
      ["rename,renameat,renameat2", "EIO", [1]],
    ])("%s with %s: nothing is confirmed that is not there after a restart", async (calls, error, nths) => {
      let ended = 0;
      for (const nth of nths) {
        const first = newStream("first");
        const queues = [newQueue("q-1", first), newQueue("q-2", first)];
        const dataDir = testFolder();
        const port = await freePort();
        const program = startFaulty(dataDir, port, { calls: calls.split(","), error, nth });
        const isServing = await program.event("ready").then(
          () => true,
          () => false,
        );
        if (isServing) await loadUntilFault(program, `amqp://guest:guest@127.0.0.1:${port}`, queues);
        if (program.hasEnded()) ended += 1;
        await program.kill();
        await using broker = await startWaybill({ dataDir, engine });
        const isDrained = isServing ? await drain(broker.url, queues, 20_000) : true;
        expect({ nth, isDrained, ...reportOf(1, queues) }).toMatchObject({
          isDrained: true,
          lost: 0,
          unexpected: 0,
          inversions: 0,
        });
      }
      expect(ended, "servers that stopped at the fault").toBeGreaterThan(0);
    });
  },
);

const missingDisk = whyNoSmallDisk();
describe.runIf(requirePart("tmpfs", missingDisk))(`a full disk ${missingDisk ?? ""}`, () => {
  test("publishers are refused or told to wait, consumers drain, and the broker goes on by itself", async () => {
    await using disk = smallDisk(12 * 1024 * KIB);
    const ballast = join(disk.path, "ballast");
    await writeFile(ballast, Buffer.alloc(6 * 1024 * KIB));
    await using broker = await startWaybill({ dataDir: join(disk.path, "data"), engine });
    const publisher = await connectTo(broker.url);
    const consumer = await connectTo(broker.url);
    const channel = await publisher.createConfirmChannel();
    await channel.assertQueue("q");
    let isTold = false;
    publisher.on("blocked", () => (isTold = true));

    const confirmed = new Set<number>();
    const refused = new Set<number>();
    let published = 0;
    const settledCount = (): number => confirmed.size + refused.size;
    const publish = (): void => {
      const number = published;
      published += 1;
      publishNumber(channel, number, (isConfirmed) => (isConfirmed ? confirmed : refused).add(number));
    };
    // One after the other, as a service would that waits for each confirm.
    const isFull = (): boolean => isTold || refused.size > 0;
    while (!isFull()) {
      publish();
      expect(published, "the disk takes no more than it holds").toBeLessThan(MESSAGES_MAX);
      await waitFor(() => isFull() || settledCount() === published, { intervalMs: 1 });
    }

    const got: number[] = [];
    const consuming = await consumer.createChannel();
    await consuming.consume("q", (message) => {
      if (message === null) return;
      got.push(Number(message.content.subarray(0, 10).toString()));
      consuming.ack(message);
    });
    await waitFor(() => got.length >= confirmed.size, { describe: "a consumer that drains a full broker" });

    await rm(ballast);
    const before = confirmed.size;
    await waitFor(
      () => {
        if (settledCount() === published) publish();
        return confirmed.size >= before + 20;
      },
      { intervalMs: 5, describe: "confirms after the disk has room again" },
    );
    await waitFor(() => [...confirmed].every((number) => got.includes(number)));
    expect(got.filter((number) => refused.has(number))).toEqual([]);
    expect(got).toEqual([...new Set(got)].sort((a, b) => a - b));
  });
});

async function connectTo(url: string): Promise<ChannelModel> {
  const client = await connect(url);
  client.on("error", () => {}); // The broker is killed when a test fails.
  onTestFinished(() => client.close().catch(() => {}));
  return client;
}

function publishNumber(
  channel: ConfirmChannel,
  number: number,
  onAnswer: (isConfirmed: boolean) => void,
): void {
  const body = Buffer.alloc(20 * KIB, " ");
  body.write(String(number).padStart(10));
  channel.sendToQueue("q", body, { persistent: true }, (error: unknown) => onAnswer(!error));
}
