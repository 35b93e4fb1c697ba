import { spawnSync } from "node:child_process";
import { chownSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import type { PostgresUser } from "./postgres-user.ts";

/** Makes a new data directory, `data` in `folder`, whose superuser is `postgres` with this password. */
export function initializePostgres(
  binaries: PostgresBinaries,
  user: PostgresUser | undefined,
  folder: string,
  password: string,
): void {
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user) chownSync(passwordFile, user.uid, user.gid);
  const args = [
    ["--pgdata", join(folder, "data"), "--username", "postgres", "--pwfile", passwordFile],
    ["--auth", "scram-sha-256", "--no-sync", "--no-instructions", "--encoding", "UTF8"],
    ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"],
    // The password is random: iterations would only make every new connection slower.
    ["--set", "scram_iterations=1"],
  ].flat();
  const result = spawnSync(binaries.initdb, args, {
    ...user,
    cwd: folder,
    env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
    encoding: "utf8",
  });
  rmSync(passwordFile);
  if (result.status !== 0) throw new Error(`initdb failed: ${result.error?.message ?? result.stderr}`);
}
