import { nodeFileSystem } from "@waybill/log";
import { readCheckpoint } from "../storage/checkpoint-file.ts";

/**
 * How much of the log in a data directory is known to have been on disk, for whoever inspects or repairs it: what is missing
 * before that offset is lost. 0 when no checkpoint says anything.
 */
export async function provenOffsetOf(dataDir: string): Promise<number> {
  const checkpoint = await readCheckpoint(nodeFileSystem, dataDir);
  return checkpoint === null || typeof checkpoint === "string" ? 0 : checkpoint.provenOffset;
}
