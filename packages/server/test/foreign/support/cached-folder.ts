import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/**
 * A folder in the user's cache, filled at the first use on a machine and kept. It is there as a whole or not at all;
 * other `contents` (a list of packages, say) make another folder.
 */
export async function cachedFolder(
  name: string,
  contents: string,
  fill: (folder: string) => Promise<unknown>,
): Promise<string> {
  const caches = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const digest = createHash("sha256").update(contents).digest("hex").slice(0, 8);
  const folder = join(caches, "waybill", `${name}-${digest}`);
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const unfinished = mkdtempSync(`${folder}.unfinished-`);
  try {
    await fill(unfinished);
    if (!existsSync(folder)) renameSync(unfinished, folder); // Another process may have been faster.
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
