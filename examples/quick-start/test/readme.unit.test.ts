import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

test("the README shows the quick start that is compiled and run, in at most 30 lines", async () => {
  const source = await readFile(new URL("../src/main.ts", import.meta.url), "utf8");
  const readme = await readFile(new URL("../../../README.md", import.meta.url), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${source}\`\`\`\n`);
  expect(source.trimEnd().split("\n").length).toBeLessThanOrEqual(30);
});
