import { testProcess } from "@waybill/services/vitest";
import { expect } from "vitest";

/** The command `waybill`. */
export const CLI = new URL("../../../../packages/cli/src/main.ts", import.meta.url);

/** The words of a command line, as a shell splits them. */
function wordsOf(command: string): string[] {
  const words = command.split(/\s#\s/)[0]?.match(/"[^"]*"|\S+/g) ?? [];
  return words.map((word) => word.replaceAll('"', ""));
}

/** Runs a line of a guide, `npx waybill …`, against a database. Answers what it printed. */
export async function runLine(line: string, databaseUrl: string): Promise<string> {
  const [npx, waybill, ...args] = wordsOf(line);
  expect([npx, waybill]).toEqual(["npx", "waybill"]);
  const command = testProcess(CLI, args, { env: { DATABASE_URL: databaseUrl } });
  const { code } = await command.exited;
  const output = command.output.join("\n");
  expect(code, `${line}\n${output}`).toBe(0);
  return output;
}
