import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { spawnTs } from "@waybill/services";
import { PLANTED_BUGS } from "./planted/bugs.ts";

const HUNT = new URL("planted/hunt-process.ts", import.meta.url);
const PLANT = fileURLToPath(new URL("planted/plant.ts", import.meta.url));
const DEADLINE_MS = 120_000;

async function hunt(planted: string | null): Promise<unknown> {
  const options =
    planted === null ? {} : { nodeOptions: [`--import=${PLANT}`], env: { WAYBILL_PLANTED: planted } };
  await using child = spawnTs(HUNT, [], options);
  const { found } = await child.line(({ event }) => event === "hunted", DEADLINE_MS);
  return found;
}

test.each(Object.keys(PLANTED_BUGS))("found: %s", async (name) => {
  expect(await hunt(name)).toEqual(expect.any(String));
});

test("nothing is found where no bug is planted", async () => {
  expect(await hunt(null)).toBeNull();
});
