import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { guideBlocks, unwrapped } from "./support/guide-blocks.ts";

const sources = new URL("../src/", import.meta.url);

async function compiledCode(): Promise<readonly string[]> {
  const names = await readdir(sources);
  return Promise.all(names.map(async (name) => unwrapped(await readFile(new URL(name, sources), "utf8"))));
}

test.each(["retries.md", "ordering.md", "compensation.md", "adopting.md"])(
  "every block of %s stands in the code that is compiled and run",
  async (guide) => {
    const code = await compiledCode();
    const blocks = await guideBlocks(guide, "ts");
    expect(blocks.length).toBeGreaterThan(1);
    const unknown = blocks.filter((block) => !code.some((source) => source.includes(unwrapped(block))));
    expect(unknown).toEqual([]);
  },
);
