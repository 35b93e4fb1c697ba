const cleanups = new Set<() => void>();
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs a synchronous clean-up when this process ends: normally, by an uncaught error, or by SIGINT, SIGTERM or
 * SIGHUP. SIGKILL runs nothing: what must survive that needs a watchdog of its own. Returns a function that
 * withdraws the clean-up.
 */
export function atProcessEnd(cleanup: () => void): () => void {
  if (cleanups.size === 0) listen();
  cleanups.add(cleanup);
  return () => {
    cleanups.delete(cleanup);
    if (cleanups.size === 0) unlisten();
  };
}

function listen(): void {
  process.on("exit", runAll);
  for (const signal of signals) process.on(signal, endBySignal);
}

function unlisten(): void {
  process.off("exit", runAll);
  for (const signal of signals) process.off(signal, endBySignal);
}

/** A process with handlers of its own decides itself when it ends; the exit event cleans up then. */
function endBySignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  runAll();
  process.kill(process.pid, signal);
}

function runAll(): void {
  unlisten();
  for (const cleanup of cleanups) {
    try {
      cleanup();
    } catch {
      // The process is ending: the remaining clean-ups matter more than this error.
    }
  }
  cleanups.clear();
}
