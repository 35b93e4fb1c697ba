import { writeSync } from "node:fs";
import type { UserConsoleLog } from "vitest";
import type { Reporter, SerializedError, TestModule, TestRunEndReason, TestSuite } from "vitest/node";
import { SKIPPED_FOR_WANT_OF } from "../packages/services/src/require-part.ts";

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Prints what could not run here and how to get it, and `N passed, N failed, N skipped` as the very last line of stdout,
 * whatever happened before: nothing ran, a suite failed in a hook, or a promise was rejected outside every test. Each of
 * these counts as failed or ends the process with a non-zero code, so that a green line means a green run.
 */
export class SummaryReporter implements Reporter {
  readonly #totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  readonly #missing = new Set<string>();

  onInit(): void {
    process.once("exit", () => {
      if (this.#totals.failed > 0 || this.#totals.passed === 0) process.exitCode ||= 1;
      for (const line of this.#missing) writeSync(1, `${line}\n`);
      writeSync(1, `${summaryLine(this.#totals)}\n`);
    });
  }

  onUserConsoleLog({ content }: UserConsoleLog): void {
    const lines = content.split("\n").filter((line) => line.startsWith(SKIPPED_FOR_WANT_OF));
    for (const line of lines) this.#missing.add(line);
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    for (const module of modules) countModule(module, this.#totals);
    this.#totals.failed += unhandledErrors.length;
    if (reason === "interrupted") this.#totals.failed += 1;
  }
}

/** The one line that tools read. */
function summaryLine(totals: Readonly<Totals>): string {
  return `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`;
}

function countModule(module: TestModule, totals: Totals): void {
  totals.failed += brokenSuites(module);
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state === "passed") totals.passed += 1;
    else if (state === "failed") totals.failed += 1;
    else totals.skipped += 1;
  }
}

/** Suites (and files) that failed in a hook or on import: their tests never ran, so they count themselves. */
function brokenSuites(module: TestModule): number {
  const suites: readonly (TestModule | TestSuite)[] = [module, ...module.children.allSuites()];
  return suites.filter((suite) => suite.errors().length > 0).length;
}
