import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { LogError, LogOwnedError } from "../errors/log-error.ts";
import type { OwnerLock } from "../ports/owner-lock.ts";

/**
 * Holds an exclusive SQLite lock on `<directory>/lock`. The kernel frees it when the process ends, however it ends;
 * it works across containers that share the directory, which abstract sockets do not.
 *
 * @throws LogError `LOG_OWNED` with the pid of the owner.
 */
export function acquireSqliteLock(directory: string): OwnerLock {
  const database = openDatabase(join(directory, "lock"));
  const ownerFile = join(directory, "owner");
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isBusy(error)) throw new LogOwnedError(directory, readPid(ownerFile));
    throw new LogError("LOG_OWNED", `${join(directory, "lock")} cannot be locked.`, { cause: error });
  }
  writeFileSync(ownerFile, `${process.pid}\n`, { mode: 0o600 });
  return { release: () => database.close() };
}

/** Who holds the lock that `acquireSqliteLock` takes, without taking it or changing anything; `null` if nobody does. */
export function findSqliteOwner(directory: string): { readonly pid: number | null } | null {
  const path = join(directory, "lock");
  if (!existsSync(path)) return null;
  const database = openDatabase(path, { readOnly: true });
  try {
    database.exec("SELECT count(*) FROM sqlite_master");
    return null;
  } catch (error) {
    if (isBusy(error)) return { pid: readPid(join(directory, "owner")) };
    return null;
  } finally {
    database.close();
  }
}

/** SQLITE_BUSY is 5, SQLITE_LOCKED 6. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (error.errcode === 5 || error.errcode === 6);
}

function readPid(ownerFile: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(ownerFile, "utf8"), 10);
    return Number.isSafeInteger(pid) ? pid : null;
  } catch {
    return null;
  }
}

/** Loads `node:sqlite` without its ExperimentalWarning; every other warning passes. */
function openDatabase(path: string, options: { readonly readOnly?: boolean } = {}): DatabaseSync {
  const original = Object.getOwnPropertyDescriptor(process, "emitWarning");
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (String(warning).includes("SQLite is an experimental feature")) return;
    Reflect.apply(emitWarning, undefined, [warning, ...rest]);
  };
  try {
    const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
    return new DatabaseSync(path, options);
  } finally {
    if (original !== undefined) Object.defineProperty(process, "emitWarning", original);
  }
}
