import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { withLockFile } from "../process/with-lock-file.ts";

const run = promisify(execFile);
const pom = fileURLToPath(new URL("../../kafka/pom.xml", import.meta.url));
const fetchTimeoutMs = 300_000;

/** The version that the pom names. */
export function kafkaVersion(): string {
  const version = /<kafka\.version>(.+)<\/kafka\.version>/.exec(readFileSync(pom, "utf8"))?.[1];
  if (version === undefined) throw new Error(`${pom} names no version of Kafka`);
  return version;
}

export function areJarsThere(): boolean {
  return existsSync(jarFolder());
}

/**
 * The folder with Kafka's jars. Maven fetches them at the first use, 43 MB, and they stay in a cache folder of the user;
 * two processes that ask at once fetch them once.
 */
export async function kafkaJars(): Promise<string> {
  const folder = jarFolder();
  if (areJarsThere()) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  await withLockFile(`${folder}.lock`, fetchTimeoutMs, () => fetchJars(folder));
  return folder;
}

async function fetchJars(folder: string): Promise<void> {
  if (areJarsThere()) return; // Somebody else fetched them while this process waited.
  const unfinished = mkdtempSync(`${folder}.unfinished-`);
  const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${unfinished}`];
  try {
    await run("mvn", ["--batch-mode", "--quiet", "--file", pom, ...goal], { timeout: fetchTimeoutMs });
    renameSync(unfinished, folder); // The folder is there as a whole or not at all.
  } catch (error) {
    const { stdout = "", message } = error as Error & { stdout?: string };
    throw new Error(`Maven could not fetch Kafka's jars: ${message}\n${stdout}`, { cause: error });
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** Another version, or another dependency in the pom, is another folder. */
function jarFolder(): string {
  const caches = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const digest = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 8);
  return join(caches, "waybill", `kafka-${kafkaVersion()}-${digest}`);
}
