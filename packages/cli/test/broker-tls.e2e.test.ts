import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testFolder } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { addUser, brokerProcess, certificates, client, startBrokerBed } from "./broker-bed.ts";

/** TLS 1.3 tells a client only afterwards that its certificate is of no use. */
const BROKEN = /closed|ECONNRESET|EPIPE|alert|Expected ConnectionStart/i;

test("clients come by amqps, with the certificate that was given, also from other machines", async () => {
  const folder = testFolder();
  const dataDir = join(folder, "data");
  const { cert, key } = await certificates(folder, "broker");
  await addUser(dataDir, "ada", "secret");
  const flags = ["--tls-listen", "0.0.0.0:0", "--tls-cert", cert, "--tls-key", key, "--listen", "none"];
  const { process: broker, tls } = await startBrokerBed(dataDir, flags);
  const url = `amqps://ada:secret@${tls.replace("0.0.0.0", "127.0.0.1")}`;
  const connection = await client(url, { ca: [await readFile(cert)] });
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue("orders");
  channel.sendToQueue("orders", Buffer.alloc(300_000, "x"), { persistent: true });
  await channel.waitForConfirms();
  const got = await channel.get("orders", { noAck: true });
  expect(got === false ? 0 : got.content.length).toBe(300_000);
  await expect(client(url), "nobody vouches for the certificate").rejects.toThrow(/self-signed/);
  await expect(client(url.replace("amqps", "amqp")), "without TLS").rejects.toThrow(BROKEN);
  expect(broker.lines.some(({ event }) => event === "broker.exposed")).toBe(false);
});

test("with tls-client-cert=require only clients with a certificate of that authority get in", async () => {
  const folder = testFolder();
  const dataDir = join(folder, "data");
  const broker = await certificates(folder, "broker");
  const ours = await certificates(folder, "ours");
  const stranger = await certificates(folder, "stranger");
  const flags = ["--tls-listen", "127.0.0.1:0", "--tls-cert", broker.cert, "--tls-key", broker.key];
  const required = [...flags, "--tls-ca", ours.cert, "--tls-client-cert", "require"];
  const { tls } = await startBrokerBed(dataDir, required);
  const ca = [await readFile(broker.cert)];
  const as = async ({ cert, key }: { cert: string; key: string }) =>
    client(`amqps://guest:guest@${tls}`, { ca, cert: await readFile(cert), key: await readFile(key) });
  await as(ours);
  await expect(client(`amqps://guest:guest@${tls}`, { ca }), "no certificate").rejects.toThrow(BROKEN);
  await expect(as(stranger), "a certificate that nobody vouches for").rejects.toThrow(BROKEN);
});

test("SIGHUP: clients that come are shown the new certificate, others stay, and a wrong one changes nothing", async () => {
  const folder = testFolder();
  const before = await certificates(folder, "before");
  const after = await certificates(folder, "after");
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const put = async (pair: { cert: string; key: string }) => {
    await copyFile(pair.key, key);
    await copyFile(pair.cert, cert);
  };
  await put(before);
  const flags = ["--tls-listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key];
  const { process: broker, tls } = await startBrokerBed(join(folder, "data"), flags);
  const url = `amqps://guest:guest@${tls}`;
  const trusting = async (pair: { cert: string }) => client(url, { ca: [await readFile(pair.cert)] });
  const old = await trusting(before);
  await put(after);
  broker.kill("SIGHUP");
  await broker.line(({ event }) => event === "tls.reloaded");
  await trusting(after);
  await expect(trusting(before)).rejects.toThrow(/self-signed/);
  await (await old.createChannel()).assertQueue("still there");
  await writeFile(cert, "nothing");
  broker.kill("SIGHUP");
  await broker.line(({ event }) => event === "tls.refused");
  await trusting(after);
});

test.each([
  ["no certificate", [], /--tls-cert is missing: --tls-listen asks for TLS/],
  [
    "a file that is not there",
    ["--tls-cert", "/nowhere", "--tls-key", "/nowhere"],
    /--tls-(cert|key): \/nowhere cannot be read/,
  ],
  [
    "a file that is none",
    ["--tls-cert", "package.json", "--tls-key", "package.json"],
    /--tls-cert, --tls-key: certificate and key cannot be used/,
  ],
  [
    "client certificates without an authority",
    ["--tls-client-cert", "require"],
    /--tls-ca is missing: --tls-client-cert asks/,
  ],
])("%s: refused with the flag", async (_name, flags, message) => {
  const broker = brokerProcess(join(testFolder(), "data"), ["--tls-listen", "127.0.0.1:0", ...flags]);
  expect(await broker.exited).toEqual({ code: 2, signal: null });
  expect(broker.output.join("\n")).toMatch(message);
});
