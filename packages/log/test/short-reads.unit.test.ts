import { expect, test } from "vitest";
import { Log, LogError, openLog } from "@waybill/log";
import { SimulatedDisk } from "@waybill/log/testing";
import { SMALL } from "./log-sizes.ts";
import { storedLog } from "./stored-log.ts";

const OPTIONS = { ...SMALL, directory: "/data", acquireLock: () => ({ release: () => {} }) };

const REFUSALS: ReadonlySet<unknown> = new Set(["READ_SHORT", "LOG_CORRUPT"]);

function codeOf(error: unknown): unknown {
  return error instanceof LogError ? error.code : undefined;
}

async function readAll(log: Log): Promise<string[]> {
  const found: string[] = [];
  for await (const { data } of log.records()) found.push(data.toString());
  return found;
}

test.each([0, 1, 60, 500])(
  "reads that give %i bytes only are refused, and cut nothing off",
  async (tornBytes) => {
    const { files, contents } = await storedLog({ records: 120 });
    const disk = new SimulatedDisk(() => 0);
    for (const [name, bytes] of files) disk.put(`/data/log/${name}`, bytes);
    let reads = 0;
    for (let nth = 1; nth <= reads + 1; nth += 1) {
      const before = disk.calls.get("read") ?? 0;
      disk.arm({ operation: "read", nth, error: new Error("short"), tornBytes, sticky: true });
      const opened = await openLog({ ...OPTIONS, fileSystem: disk }).catch((error: unknown) => error);
      const outcome = opened instanceof Log ? await readAll(opened).catch((error: unknown) => error) : opened;
      if (opened instanceof Log) await opened.close();
      reads = Math.max(reads, (disk.calls.get("read") ?? 0) - before);
      disk.arm(null);
      // A read of a few bytes may have given all that there were.
      const isFine = Array.isArray(outcome)
        ? outcome.join() === contents.join()
        : REFUSALS.has(codeOf(outcome));
      expect(isFine, `read ${nth}: ${String(outcome)}`).toBe(true);
      await using again = await openLog({ ...OPTIONS, fileSystem: disk });
      expect(again.tornTail).toBeNull();
      expect(await readAll(again)).toEqual(contents);
    }
    expect(reads).toBeGreaterThan(4);
  },
);
