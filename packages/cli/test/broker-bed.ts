import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { JsonLine, TsProcess } from "@waybill/services";
import { testProcess } from "@waybill/services/vitest";
import { connect, type ChannelModel } from "amqplib";
import { onTestFinished } from "vitest";

const MAIN = new URL("../src/main.ts", import.meta.url);

export interface BrokerBed {
  readonly process: TsProcess;
  readonly ready: JsonLine;
  /** `host:port` without TLS, and with it. */
  readonly plain: string;
  readonly tls: string;
  /** `http://host:port` of the health page. */
  readonly health: string;
}

/** A process with flags that is expected not to become ready. */
export function brokerProcess(dataDir: string, flags: readonly string[] = []): TsProcess {
  const usual = ["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0", "--log-format", "json"];
  return testProcess(MAIN, ["broker", "--data-dir", dataDir, ...usual, ...flags]);
}

/** A broker that is ready. Its process is killed when the test has finished. */
export async function startBrokerBed(dataDir: string, flags: readonly string[] = []): Promise<BrokerBed> {
  const started = brokerProcess(dataDir, flags);
  const ready = await started.ready();
  const listen = ready["listen"] as readonly { address: string; tls: boolean }[];
  const health = (ready["health"] as readonly string[])[0] ?? "";
  return {
    process: started,
    ready,
    plain: listen.find(({ tls }) => !tls)?.address ?? "",
    tls: listen.find(({ tls }) => tls)?.address ?? "",
    health: health.replace(/\/health$/, ""),
  };
}

/** A client whose connection is cut when the test has finished, and that does not throw when the broker goes. */
export async function client(url: string, tls?: TlsFiles): Promise<ChannelModel> {
  const connection = tls === undefined ? await connect(url) : await connect(url, tls);
  connection.on("error", () => undefined);
  onTestFinished(() => void streamOf(connection).destroy());
  return connection;
}

/** What a client is given for TLS, in PEM. */
interface TlsFiles {
  readonly ca: Buffer[];
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export function streamOf(connection: ChannelModel): Socket {
  return (connection.connection as unknown as { readonly stream: Socket }).stream;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `waybill broker …` to its end. */
export async function brokerCommand(args: readonly string[], stdin = ""): Promise<CommandResult> {
  const node = ["--conditions=waybill-source", fileURLToPath(MAIN), "broker", ...args];
  const child = spawn(process.execPath, node, { stdio: ["pipe", "pipe", "pipe"], timeout: 60_000 });
  const texts = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.stderr += text));
  child.stdin.on("error", () => undefined).end(stdin);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...texts };
}

export async function addUser(
  dataDir: string,
  name: string,
  password: string,
  ...flags: string[]
): Promise<void> {
  const { code, stderr } = await brokerCommand(
    ["users", "add", name, "--data-dir", dataDir, ...flags],
    password,
  );
  if (code !== 0) throw new Error(stderr);
}

const run = promisify(execFile);

/** A certificate for 127.0.0.1, signed by itself; files in `folder`. */
export async function certificates(folder: string, name: string): Promise<{ cert: string; key: string }> {
  const [cert, key] = [`${folder}/${name}.pem`, `${folder}/${name}.key`];
  const args =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -addext subjectAltName=IP:127.0.0.1,DNS:localhost";
  await run("openssl", [...args.split(" "), "-subj", `/CN=${name}`, "-keyout", key, "-out", cert]);
  return { cert, key };
}
