import { readFile } from "node:fs/promises";
import { CRASH_POINTS } from "@waybill/testing";
import { expect, test } from "vitest";

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), "utf8");

for (const example of ["inventory.unit.test.ts", "fixtures/stock-on-postgres.ts"]) {
  test(`the guide shows ${example} as it is compiled and run`, async () => {
    expect(await read("../../../docs/testing.md")).toContain(`\`\`\`ts\n${await read(example)}\`\`\`\n`);
  });
}

test("the guide names every crash point", async () => {
  const guide = await read("../../../docs/testing.md");
  for (const point of CRASH_POINTS) expect(guide).toContain(`\`${point}\``);
});
