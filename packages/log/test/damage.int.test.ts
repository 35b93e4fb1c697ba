import { expect, test, vi } from "vitest";
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES } from "@waybill/log/internal";
import { seededRandom } from "@waybill/services";
import { checkDamaged } from "./damage-check.ts";
import type { Place, SegmentBytes, StoredLog } from "./stored-log.ts";
import { flipped, placesOf, storedLog, withFile } from "./stored-log.ts";

// Thousands of logs are opened: on a busy machine that takes longer than a unit test may.
vi.setConfig({ testTimeout: 60_000 });

/** Few batches in each of three segments: every bit of them is flipped. */
const stored = (): Promise<StoredLog> => storedLog({ records: 9, recordBytes: 1900 });

test("every single-bit flip of every batch header costs exactly that batch, and never serves a wrong record", async () => {
  const { files, contents, bases } = await stored();
  expect(bases.length).toBeGreaterThanOrEqual(3);
  const places = placesOf(files);
  for (const [index, place] of places.entries()) {
    const isLast = index === places.length - 1;
    for (let bit = 0; bit < BATCH_HEADER_BYTES * 8; bit += 1) {
      const changed = flipped(files, place.name, place.position * 8 + bit);
      const outcome = await checkDamaged(changed, contents, { repair: bit % 32 === 0 });
      const where = `${place.name} byte ${place.position + (bit >> 3)} bit ${bit & 7}`;
      // Nothing but a crash is known to have happened: the last batch was perhaps never confirmed.
      expect(outcome, where).toMatchObject(isLast ? tornBatch(place) : refusedBatch(place));
    }
  }
});

test("every single-bit flip of every segment header costs no record", async () => {
  const { files, contents } = await stored();
  for (const name of files.keys()) {
    for (let bit = 0; bit < SEGMENT_HEADER_BYTES * 8; bit += 1) {
      const outcome = await checkDamaged(flipped(files, name, bit), contents, { repair: bit % 32 === 0 });
      const fromOffset = Number(name.slice(0, 20));
      const unreadable = { kind: "header", position: 0, fromOffset, toOffset: fromOffset };
      expect(outcome, `${name} bit ${bit}`).toMatchObject({
        kind: "refused",
        found: { damage: [unreadable], recordCount: contents.length },
      });
    }
  }
});

test("random flips in bodies cost exactly their batch", async () => {
  const { files, contents } = await storedLog({ records: 60 });
  const places = placesOf(files);
  const random = seededRandom(4);
  for (let round = 0; round < 400; round += 1) {
    const place = places[Math.floor(random() * places.length)]!;
    const start = (place.position + BATCH_HEADER_BYTES) * 8;
    const bit = start + Math.floor(random() * (place.bodyEnd * 8 - start));
    const outcome = await checkDamaged(flipped(files, place.name, bit), contents, {
      repair: round % 4 === 0,
    });
    expect(outcome).toMatchObject(place === places.at(-1) ? tornBatch(place) : refusedBatch(place));
  }
});

test("truncation at every byte of the last two batches, in the last segment and in a full one", async () => {
  const { files, contents, bases } = await storedLog({ records: 70, recordBytes: 90 });
  expect(bases.length).toBeGreaterThanOrEqual(2);
  const names = [...files.keys()];
  for (const name of [names.at(-1)!, names[0]!]) {
    const isLast = name === names.at(-1);
    const [before, behind] = placesOf(new Map([[name, files.get(name)!]])).slice(-2);
    if (before === undefined || behind === undefined) throw new Error("a segment holds two batches or more");
    for (let cut = before.position; cut < behind.bodyEnd; cut += 1) {
      const changed = withFile(files, name, (bytes) => bytes.subarray(0, cut));
      const end = cut < before.bodyEnd ? before.fromOffset : behind.fromOffset;
      const outcome = await checkDamaged(changed, contents, { repair: cut % 32 === 0 });
      const lost = { fromOffset: end, toOffset: bases[1] };
      expect(outcome, `cut at ${cut}`).toMatchObject(
        isLast ? { kind: "served", end } : { kind: "refused", found: { damage: [lost] } },
      );
    }
  }
});

test("several damaged places are all listed, and repaired together", async () => {
  const { files, contents } = await storedLog({ records: 120 });
  const random = seededRandom(11);
  for (let round = 0; round < 60; round += 1) {
    let changed: SegmentBytes = files;
    for (let hits = 0; hits < 6; hits += 1) {
      const [name, bytes] = [...files][Math.floor(random() * files.size)]!;
      changed = flipped(changed, name, Math.floor(random() * bytes.length * 8));
    }
    await checkDamaged(changed, contents, { repair: true });
  }
});

/** Only its own batch is lost, and said to be. */
function refusedBatch({ position, end, fromOffset, toOffset }: Place): object {
  const lost = { kind: "batch", position, bytes: end - position, fromOffset, toOffset };
  return { kind: "refused", found: { damage: [lost] } };
}

/** Everything before it is served; a crash explains the rest. */
function tornBatch({ fromOffset }: Place): object {
  return { kind: "served", end: fromOffset, isTorn: true };
}
