import { expect, test } from "vitest";
import type { FileSystem, LogFile, LogGap } from "@waybill/log";
import { inspectLog, openLog, repairLog } from "@waybill/log";
import { SEGMENT_HEADER_BYTES } from "@waybill/log/internal";
import { fileError, SimulatedDisk } from "@waybill/log/testing";
import { seededRandom } from "@waybill/services";
import { SMALL } from "./log-sizes.ts";
import type { SegmentBytes } from "./stored-log.ts";
import { flipped, placesOf, storedLog, withFile } from "./stored-log.ts";

const OPTIONS = {
  acquireLock: () => ({ release: () => {} }),
  findOwner: () => null,
  now: () => 0,
  epoch: () => 5,
};
const DIRECTORY = "/data";

/** Damage of several kinds: a batch, a segment header, a segment that is gone, and one under a wrong name. */
async function damagedFiles(): Promise<{ files: SegmentBytes; contents: readonly string[] }> {
  const { files, contents } = await storedLog({ records: 200 });
  const names = [...files.keys()];
  const [first = "", second = "", third = "", fourth = ""] = names;
  expect(names.length).toBeGreaterThanOrEqual(5);
  const places = placesOf(files).filter(({ name }) => name === first);
  let damaged: Map<string, Buffer> = flipped(files, first, (places[2]?.position ?? 0) * 8 + 70);
  damaged = flipped(damaged, second, 80);
  damaged = withFile(damaged, third, () => null);
  damaged = withFile(damaged, fourth, () => null);
  damaged.set("00000000000000099999.log", files.get(fourth) ?? Buffer.alloc(SEGMENT_HEADER_BYTES));
  return { files: damaged, contents };
}

function diskWith(files: SegmentBytes, seed: number): SimulatedDisk {
  const disk = new SimulatedDisk(seededRandom(seed));
  for (const [name, bytes] of files) disk.put(`${DIRECTORY}/log/${name}`, bytes);
  return disk;
}

async function readAll(disk: SimulatedDisk): Promise<{ found: Map<number, string>; gaps: LogGap[] }> {
  const log = await openLog({ ...SMALL, ...OPENING, directory: DIRECTORY, fileSystem: disk });
  const found = new Map<number, string>();
  const gaps: LogGap[] = [];
  for await (const { offset, data } of log.records(log.firstOffset, (gap) => gaps.push(gap)))
    found.set(offset, data.toString());
  await log.close();
  return { found, gaps };
}

const OPENING = { acquireLock: OPTIONS.acquireLock, epoch: () => 6 };

test("a repair that is cut off at any call is finished by the next one, and loses nothing more", async () => {
  const { files, contents } = await damagedFiles();
  const whole = diskWith(files, 1);
  const { lost } = await repairLog(DIRECTORY, { ...OPTIONS, apply: true, fileSystem: whole });
  const expected = await readAll(whole);
  expect(expected.found.size).toBe(
    contents.length - lost.reduce((sum, gap) => sum + gap.toOffset - gap.fromOffset, 0),
  );
  for (const [offset, text] of expected.found) expect(text).toBe(contents[offset]);

  let isThrough = false;
  for (let callsMax = 1; !isThrough; callsMax += 1) {
    for (const ending of ["afterKill", "afterPowerLoss"] as const) {
      const disk = diskWith(files, callsMax);
      let calls = 0;
      disk.beforeCall = () => {
        calls += 1;
        if (calls > callsMax) throw new Error("the machine is gone");
      };
      const outcome = await repairLog(DIRECTORY, { ...OPTIONS, apply: true, fileSystem: disk }).catch(
        () => null,
      );
      isThrough = outcome !== null;
      disk.beforeCall = () => {};
      const after = disk[ending]();
      await repairLog(DIRECTORY, { ...OPTIONS, apply: true, fileSystem: after });
      expect((await inspectLog(DIRECTORY, { fileSystem: after, findOwner: () => null })).damage).toEqual([]);
      expect((await readAll(after)).found, `${callsMax} calls, ${ending}`).toEqual(expected.found);
    }
  }
});

test("a call that fails leaves a log that the next repair repairs", async () => {
  const { files } = await damagedFiles();
  const whole = diskWith(files, 1);
  await repairLog(DIRECTORY, { ...OPTIONS, apply: true, fileSystem: whole });
  const calls = new Map(whole.calls);
  const { found } = await readAll(whole);
  for (const operation of ["create", "write", "dataSync", "rename", "syncDirectory"] as const) {
    const callCount = calls.get(operation) ?? 0;
    expect(callCount).toBeGreaterThan(0);
    for (let nth = 1; nth <= callCount; nth += 1) {
      const disk = diskWith(files, nth);
      disk.arm({ operation, nth, error: fileError("ENOSPC", operation) });
      const outcome = repairLog(DIRECTORY, { ...OPTIONS, apply: true, fileSystem: disk });
      await expect(outcome, `${operation} ${nth}`).rejects.toThrow("ENOSPC");
      await repairLog(DIRECTORY, { ...OPTIONS, apply: true, fileSystem: disk });
      expect((await readAll(disk)).found, `${operation} ${nth}`).toEqual(found);
    }
  }
});

test("bytes that the disk cannot read are damage, and everything else is kept", async () => {
  const { files, contents } = await storedLog({ records: 60 });
  const [name = "", bytes = Buffer.alloc(0)] = [...files][0] ?? [];
  const disk = diskWith(files, 1);
  // The second block of 4 KiB is gone.
  const broken: FileSystem = {
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => disk.list(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    async open(path, mode) {
      const file = await disk.open(path, mode);
      if (!path.endsWith(name)) return file;
      const read: LogFile["read"] = (into, position) => {
        const isHit = position + into.length > 4096 && position < 8192;
        return isHit ? Promise.reject(fileError("EIO", path)) : file.read(into, position);
      };
      return { ...file, read };
    },
  };
  const places = placesOf(new Map([[name, bytes]]));
  const hit = places.filter(({ end }) => end > 4096);
  const found = await inspectLog(DIRECTORY, { fileSystem: broken, findOwner: () => null });
  expect(found.damage).toMatchObject([
    {
      kind: "batch",
      position: hit[0]?.position,
      fromOffset: hit[0]?.fromOffset,
      toOffset: hit.at(-1)?.toOffset,
    },
  ]);
  expect(found.damage[0]?.reason).toContain("EIO");
  expect(found.recordCount).toBe(contents.length - (found.damage[0]!.toOffset - found.damage[0]!.fromOffset));
});
