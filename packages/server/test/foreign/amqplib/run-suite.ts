import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** One case of amqplib's own suite. */
export interface SuiteCase {
  readonly file: string;
  /** The names of the suites around it and its own, joined by ` > `. */
  readonly name: string;
  readonly passed: boolean;
  readonly skipped: boolean;
  readonly error: string | null;
}

export interface SuitePlace {
  readonly host: string;
  readonly port: number;
}

const require = createRequire(import.meta.url);
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const runDeadlineMs = 120_000;
/** amqplib's own limit is one second, for a machine that does nothing else. */
const caseDeadlineMs = 20_000;

/**
 * A folder with the tests of the last release whose npm package holds them (`amqplib-suite` in package.json) around the
 * client that Waybill uses. `AMQPLIB_SUITE` names a checkout of amqplib to take both from instead.
 */
export function layOutSuite(parent: string): string {
  const checkout = process.env["AMQPLIB_SUITE"];
  const tests = checkout ?? dirname(require.resolve("amqplib-suite"));
  const client = checkout ?? dirname(require.resolve("amqplib"));
  const folder = mkdtempSync(join(parent, "amqplib-"));
  cpSync(join(tests, "test"), join(folder, "test"), { recursive: true });
  for (const part of ["lib", "channel_api.js", "callback_api.js", "package.json"]) {
    cpSync(join(client, part), join(folder, part), { recursive: true });
  }
  return folder;
}

/** Runs the suite in a folder, or the cases whose name matches, against a broker with user `guest`. */
export function runSuite(folder: string, place: SuitePlace, pattern?: string): Promise<SuiteCase[]> {
  const files = readdirSync(join(folder, "test")).filter((file) => file.endsWith(".test.js"));
  const args = [
    "--test",
    "--test-concurrency=2",
    `--test-timeout=${caseDeadlineMs}`,
    `--test-reporter=${here("case-lines.mjs")}`,
    ...(pattern === undefined ? [] : [`--test-name-pattern=${pattern}`]),
    ...files.map((file) => join("test", file)),
  ];
  // Without what vitest tells its own processes.
  const { NODE_OPTIONS: _ours, NODE_TEST_CONTEXT: _context, VITEST: _vitest, ...inherited } = process.env;
  const env = {
    ...inherited,
    NODE_PATH: dirname(dirname(require.resolve("claire/package.json"))), // Their generators of random values.
    NODE_OPTIONS: `--require=${here("redirect.cjs")} --no-deprecation`,
    SUITE_HOST: place.host,
    SUITE_PORT: String(place.port),
    URL: `amqp://guest:guest@${place.host}:${place.port}`,
  };
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, env, timeout: runDeadlineMs, maxBuffer: 64 << 20 };
    // A failed case ends it with 1: what counts are the lines.
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const cases = stdout
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as SuiteCase);
      if (error?.killed || cases.length === 0) {
        reject(new Error(`amqplib's suite did not end:\n${stdout.slice(-4_000)}\n${stderr.slice(-4_000)}`));
      } else resolve(cases);
    });
  });
}
