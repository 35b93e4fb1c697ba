import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { freePort, waitFor } from "@waybill/services";
import { testFolder, testProcess } from "@waybill/services/vitest";
import { expect, onTestFinished, test } from "vitest";
import { addUser, brokerProcess, client, startBrokerBed, streamOf } from "./broker-bed.ts";

const MAIN = new URL("../src/main.ts", import.meta.url);

test("it says where data lies, where to connect and who may, serves messages, and ends in order on SIGTERM", async () => {
  const dataDir = join(testFolder(), "data");
  const { process: broker, ready, plain } = await startBrokerBed(dataDir, ["--virtual-hosts", "/,shop"]);
  expect(ready).toMatchObject({
    level: "info",
    pid: broker.pid,
    dataDir,
    listen: [{ address: plain, tls: false }],
    users: null,
    virtualHosts: ["/", "shop"],
  });
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  const connection = await client(`amqp://guest:guest@${plain}/shop`);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue("orders", { durable: true });
  channel.sendToQueue("orders", Buffer.from("one"), { persistent: true });
  await channel.waitForConfirms();
  const got = await channel.get("orders", { noAck: true });
  expect(got === false ? "nothing" : got.content.toString()).toBe("one");
  expect(await broker.line(({ event }) => event === "connection.opened")).toMatchObject({
    user: "guest",
    virtualHost: "shop",
  });
  broker.kill("SIGTERM");
  expect(await broker.exited).toEqual({ code: 0, signal: null });
  expect(broker.lines.slice(-1)).toMatchObject([{ event: "stopped" }]);
});

test("for people, the line at the start is a sentence", async () => {
  const dataDir = join(testFolder(), "data");
  const flags = ["--data-dir", dataDir, "--listen", "127.0.0.1:0", "--health-listen", "none"];
  const broker = testProcess(MAIN, ["broker", ...flags]);
  const line = await waitFor(() => broker.output.find((text) => text.includes("ready")), {
    deadlineMs: 30_000,
    describe: () => broker.output.join("\n"),
  });
  expect(line).toMatch(
    /^\d{4}-\S+Z info {2}Waybill broker is ready, process \d+\. Data in \/.*\/data\. AMQP 0-9-1 on 127\.0\.0\.1:\d+ without TLS\. May connect: guest from this machine only \(there are no users\)\. Virtual hosts: \/\. No health page\.$/,
  );
});

test.each(["--listen", "--tls-listen"])(
  "%s 0.0.0.0 is refused without users, and nothing is created",
  async (flag) => {
    const dataDir = join(testFolder(), "data");
    const broker = brokerProcess(dataDir, [flag, "0.0.0.0:0"]);
    expect(await broker.exited).toEqual({ code: 2, signal: null });
    const output = broker.output.join("\n");
    expect(output).toContain(
      `OPTIONS_INVALID: ${flag}: other machines can reach 0.0.0.0:0, and there are no users`,
    );
    expect(output).toContain("waybill broker users add NAME");
    await expect(readdir(dataDir)).rejects.toMatchObject({ code: "ENOENT" });
  },
);

test("with a user it listens there, and says that passwords can be read on their way", async () => {
  const dataDir = join(testFolder(), "data");
  await addUser(dataDir, "ada", "secret");
  const { process: broker, ready } = await startBrokerBed(dataDir, ["--listen", "0.0.0.0:0"]);
  expect(ready).toMatchObject({ users: ["ada"] });
  await broker.line(({ event }) => event === "broker.exposed");
});

test("a second process on the same folder is refused with the pid of the owner, which goes on", async () => {
  const dataDir = join(testFolder(), "data");
  const { process: owner, plain } = await startBrokerBed(dataDir);
  const second = brokerProcess(dataDir);
  expect(await second.exited).toEqual({ code: 1, signal: null });
  expect(second.output.join("\n")).toMatch(
    new RegExp(`^DATA_DIR_OWNED: .* in use by process ${owner.pid}\\.`, "m"),
  );
  await client(`amqp://guest:guest@${plain}`);
});

test("an address that is taken is refused with the flag that gave it", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  for (const flag of ["--listen", "--health-listen"]) {
    const broker = brokerProcess(join(testFolder(), "data"), [flag, `127.0.0.1:${port}`]);
    expect(await broker.exited).toEqual({ code: 2, signal: null });
    expect(broker.output.join("\n")).toContain(
      `OPTIONS_INVALID: ${flag}: cannot listen on 127.0.0.1:${port} (EADDRINUSE). Give another address to ${flag}`,
    );
  }
});

test("settings come from file and environment as well, and a wrong one ends it with its source", async () => {
  const folder = testFolder();
  const config = join(folder, "broker.json");
  const port = await freePort();
  await writeFile(
    config,
    JSON.stringify({ listen: `127.0.0.1:${port}`, healthListen: "none", logFormat: "text" }),
  );
  const env = { WAYBILL_BROKER_DATA_DIR: join(folder, "data"), WAYBILL_BROKER_LOG_FORMAT: "json" };
  const broker = testProcess(MAIN, ["broker", "--config", config], { env });
  expect(await broker.ready()).toMatchObject({
    dataDir: join(folder, "data"),
    listen: [{ address: `127.0.0.1:${port}` }],
    health: [],
  });
  const wrong = testProcess(MAIN, ["broker", "--config", config], {
    env: { ...env, WAYBILL_BROKER_HEARTBEAT: "5" },
  });
  expect(await wrong.exited).toEqual({ code: 2, signal: null });
  expect(wrong.output.join("\n")).toMatch(
    /OPTIONS_INVALID: WAYBILL_BROKER_HEARTBEAT: give a time with its unit/,
  );
});

test("a second signal ends it at once, although a client holds it up", async () => {
  const { process: broker, plain } = await startBrokerBed(join(testFolder(), "data"), [
    "--shutdown-timeout",
    "1h",
  ]);
  const connection = await client(`amqp://guest:guest@${plain}`);
  // It reads nothing any more, and so does not answer the end.
  streamOf(connection).removeAllListeners("readable");
  broker.kill("SIGTERM");
  await broker.line(({ event }) => event === "stopping");
  broker.kill("SIGINT");
  expect(await broker.exited).toEqual({ code: 130, signal: null });
});

test("a folder that cannot be one is refused with the flag", async () => {
  const file = join(testFolder(), "a file");
  await writeFile(file, "");
  const broker = brokerProcess(file);
  expect(await broker.exited).toEqual({ code: 2, signal: null });
  expect(broker.output.join("\n")).toMatch(/OPTIONS_INVALID: .*a file/);
});

test("a virtual host that is no longer listed stays, with its messages, and the log says so", async () => {
  const dataDir = join(testFolder(), "data");
  const first = await startBrokerBed(dataDir, ["--virtual-hosts", "/,shop"]);
  const channel = await (await client(`amqp://guest:guest@${first.plain}/shop`)).createConfirmChannel();
  await channel.assertQueue("orders", { durable: true });
  channel.sendToQueue("orders", Buffer.from("one"), { persistent: true });
  await channel.waitForConfirms();
  first.process.kill("SIGTERM");
  await first.process.exited;
  const second = await startBrokerBed(dataDir);
  expect(second.ready).toMatchObject({ virtualHosts: expect.arrayContaining(["/", "shop"]) as unknown });
  await second.process.line(
    ({ event, virtualHost }) => event === "broker.virtual-host-left" && virtualHost === "shop",
  );
  const again = await (await client(`amqp://guest:guest@${second.plain}/shop`)).createChannel();
  expect(await again.checkQueue("orders")).toMatchObject({ messageCount: 1 });
});

test("a flood of refused logins does not become a flood of lines", async () => {
  const { process: broker, plain } = await startBrokerBed(join(testFolder(), "data"));
  const [host = "", port = ""] = plain.split(":");
  const strangers = Array.from({ length: 300 }, async () => {
    const stranger = connect({ host, port: Number(port) });
    stranger.on("error", () => undefined);
    stranger.end("GET / HTTP/1.1\r\n\r\n");
    stranger.resume();
    await once(stranger, "close");
  });
  await Promise.all(strangers);
  await client(`amqp://guest:guest@${plain}`);
  await broker.line(({ event }) => event === "connection.opened");
  expect(broker.lines.filter(({ event }) => event === "connection.refused").length).toBeLessThan(200);
});
