import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { guideBlocks, unwrapped } from "./support/guide-blocks.ts";

const sources = new URL("../src/", import.meta.url);

async function compiledCode(folder = sources): Promise<readonly string[]> {
  const names = await readdir(folder);
  return Promise.all(names.map(async (name) => unwrapped(await readFile(new URL(name, folder), "utf8"))));
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

test("the bare amqplib consumer of idempotency.md stands there too", async () => {
  const block = (await guideBlocks("idempotency.md", "ts")).find((code) => code.includes("channel.ack"));
  const code = await compiledCode();
  expect(code.some((source) => source.includes(unwrapped(block ?? "missing")))).toBe(true);
});

test("every block of outboxed.md stands in an example whose test kills its service", async () => {
  const examples = new URL("../../", import.meta.url);
  const names = (await readdir(examples)).filter((name) => name.startsWith("outboxed-"));
  const code = await Promise.all(names.map((name) => compiledCode(new URL(`${name}/src/`, examples))));
  const blocks = await guideBlocks("outboxed.md", "ts");
  expect(blocks.length).toBeGreaterThan(1);
  const unknown = blocks.filter((block) => !code.flat().some((source) => source.includes(unwrapped(block))));
  expect(unknown).toEqual([]);
});
