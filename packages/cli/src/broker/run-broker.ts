import { constants } from "node:os";
import { loadSettings, startBroker } from "@waybill/server";
import { describeBroker } from "./describe-broker.ts";
import { logWriter } from "./log-writer.ts";
import type { GivenSettings } from "./setting-options.ts";

const FAILED = 1;
/** How long the process may live on after everything has stopped. */
const LINGER_MS = 500;
const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Runs a broker until SIGTERM or SIGINT, or until its disk fails. A second signal ends the process at once. SIGHUP reads
 * users and certificates again.
 */
export async function runBroker({ config, ...flags }: GivenSettings): Promise<void> {
  const loaded = await loadSettings({ flags, env: process.env, file: config });
  const { settings } = loaded;
  const log = logWriter(settings);
  const stopped = stopSignal();
  const starting = startBroker(loaded, (event) => log.event(event));
  // Without a listener a SIGHUP would end the process, also while it starts.
  process.on("SIGHUP", () => void starting.then((broker) => broker.reload(), ignoreFailure));
  const broker = await starting;
  const { fields, text } = describeBroker(broker);
  log.line("info", "ready", fields, text);
  const ended = await Promise.race([stopped, broker.failed]);
  if (ended instanceof Error) process.exitCode = FAILED;
  const reason = ended instanceof Error ? ended.message : ended;
  log.line("info", "stopping", { reason }, `Stopping (${reason})`);
  // Whatever may hold the process up, now or after an error: there is nothing left to do for it.
  const exitSoon = (): unknown => setTimeout(() => process.exit(), LINGER_MS).unref();
  try {
    await broker.close({ deadlineMs: settings.shutdownTimeout });
    log.line("info", "stopped", {}, "Stopped");
  } finally {
    exitSoon();
  }
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of STOP_SIGNALS) {
      process.on(signal, () => {
        if (isStopping) process.exit(128 + constants.signals[signal]);
        isStopping = true;
        resolve(signal);
      });
    }
  });
}

/** Why it does not start is told elsewhere. */
function ignoreFailure(): void {}
