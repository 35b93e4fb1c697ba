import { chownSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isReachableByOthers, type PostgresUser } from "../postgres/postgres-user.ts";

/** An own, empty folder (0700) that `user` owns and can reach, below TMPDIR if possible. Whoever made it removes it. */
export function folderOfUser(prefix: string, user: PostgresUser | undefined): string {
  const bases = user ? [tmpdir(), "/tmp", "/var/tmp"] : [tmpdir()];
  const base = bases.find((candidate) => !user || isReachableByOthers(join(candidate, "x")));
  if (base === undefined)
    throw new Error(`no temporary folder of ${bases.join(", ")} can be reached by uid ${user?.uid}`);
  const folder = mkdtempSync(join(base, `${prefix}-`));
  if (user) chownSync(folder, user.uid, user.gid);
  return folder;
}
