import { describe, expect, it } from "vitest";
import { fuzz, FuzzFinding, type FuzzTarget } from "../src/fuzz/fuzz.ts";
import { fuzzers } from "../src/fuzz/fuzzers.ts";

const INPUTS = 1_000;

describe("fuzzing", () => {
  it.each(Object.keys(fuzzers))("%s finds nothing, and both reads and refuses", async (name) => {
    const target = await fuzzers[name]?.();
    if (target === undefined) throw new Error(`no fuzzer for ${name}`);
    const { read, refused } = await fuzz(target, { inputs: INPUTS, seed: 1 });
    expect(read + refused).toBe(INPUTS);
    expect(read).toBeGreaterThan(INPUTS / 10);
    expect(refused).toBeGreaterThan(INPUTS / 10);
  });

  it("tells the number of the input that broke something, and makes it again", async () => {
    const drawn: number[] = [];
    const target: FuzzTarget = {
      inputMsMax: 1_000,
      tryOne: (chance) => {
        drawn.push(chance.below(1_000_000));
        if (drawn.length > 7) throw new TypeError("broken");
        return "read";
      },
    };
    const finding = await fuzz(target, { inputs: 100, seed: 3 }).catch((error: unknown) => error);
    expect(finding).toBeInstanceOf(FuzzFinding);
    expect(finding).toMatchObject({ input: 7, cause: expect.any(TypeError) });
    await fuzz(target, { inputs: 1, seed: 3, first: 7 }).catch(() => undefined);
    expect(drawn[8]).toBe(drawn[7]);
  });

  it("does not accept an input that takes too long", async () => {
    const target: FuzzTarget = {
      inputMsMax: 1,
      tryOne: () => {
        const until = performance.now() + 5;
        while (performance.now() < until);
        return "read";
      },
    };
    await expect(fuzz(target, { inputs: 1, seed: 1 })).rejects.toThrow(/it took/);
  });
});
