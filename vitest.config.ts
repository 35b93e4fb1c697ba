import { defineConfig } from "vitest/config";
import { SummaryReporter } from "./scripts/summary-reporter.ts";

if (!process.features.typescript) {
  throw new Error(
    `Node ${process.version} cannot run the TypeScript sources: start the tests by npm (npm run test:unit -- FILE), ` +
      "which uses the Node in node_modules, or use Node 22.18 or newer",
  );
}

const sourceCondition = "waybill-source";
const conditions = [sourceCondition, "module", "node", "development|production"];

/** The level of a test is in its file name: `*.unit.test.ts`, `*.int.test.ts`, `*.e2e.test.ts`. */
function level(name: string, options: { timeoutMs: number; workersMax: number; services: boolean }) {
  return {
    extends: true as const,
    test: {
      name,
      include: [
        `{packages,examples}/*/test/**/*.${name}.test.ts`,
        `{migrations,scripts,benchmarks}/test/**/*.${name}.test.ts`,
      ],
      testTimeout: options.timeoutMs,
      hookTimeout: options.timeoutMs,
      maxWorkers: options.workersMax,
      fileParallelism: options.workersMax > 1,
      // Unit tests leave nothing behind, so the files of a worker share what they import: a third of the time was that.
      isolate: options.services,
      globalSetup: options.services ? ["./packages/services/src/vitest/global-setup.ts"] : [],
    },
  };
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    pool: "forks",
    execArgv: [`--conditions=${sourceCondition}`],
    reporters: ["default", new SummaryReporter()],
    projects: [
      level("unit", { timeoutMs: 10_000, workersMax: 2, services: false }),
      level("int", { timeoutMs: 60_000, workersMax: 2, services: true }),
      level("e2e", { timeoutMs: 300_000, workersMax: 2, services: true }),
    ],
  },
});
