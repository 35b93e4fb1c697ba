import { chown, mkdir, open, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { WaybillError } from "@waybill/core";
import { z } from "zod";
import { usersSchema, type StoredUsers, type Users } from "./users-schema.ts";

const FILE_BYTES_MAX = 64 * 1024 * 1024;
const NONE: StoredUsers = { version: 1, users: {} };

/**
 * The users that a file holds, `undefined` when there is no such file.
 *
 * @throws WaybillError `OPTIONS_INVALID` when it cannot be read, is not a users file, or others may write to it
 */
export async function readUsers(file: string): Promise<Users | undefined> {
  const stored = await readStored(file);
  return stored === undefined ? undefined : new Map(Object.entries(checked(file, stored).users));
}

/**
 * The file's content as it stands there, checked; no users when there is no such file.
 *
 * @throws WaybillError `OPTIONS_INVALID` like `readUsers`
 */
export async function readStoredUsers(file: string): Promise<StoredUsers> {
  const stored = (await readStored(file)) ?? NONE;
  checked(file, stored);
  return stored as StoredUsers;
}

/**
 * Replaces the file by what `change` makes of it: whoever reads it, also after a crash, sees all of the change or nothing.
 * It has mode 0600 and belongs to whom the folder belongs. Folders that are missing are created with mode 0700.
 *
 * @throws WaybillError `OPTIONS_INVALID` like `readUsers`, when the change is wrong, or while another change is under way
 */
export async function changeUsers(file: string, change: (before: StoredUsers) => StoredUsers): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.new`;
  // Also the lock: two changes at once would lose one.
  const handle = await createNext(file, next);
  try {
    const after = change(await readStoredUsers(file));
    checked(file, after);
    await handle.writeFile(`${JSON.stringify(after, undefined, 2)}\n`);
    await handle.sync();
    await giveToOwnerOf(dirname(file), next);
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  await syncFolder(dirname(file));
}

async function readStored(file: string): Promise<unknown> {
  const handle = await openIfThere(file);
  if (handle === undefined) return undefined;
  try {
    const { mode, size } = await handle.stat();
    if ((mode & 0o022) !== 0) throw invalid(`${file} may be written by others: chmod 600 ${file}`);
    if (size > FILE_BYTES_MAX) throw invalid(`${file} has ${size} bytes, at most ${FILE_BYTES_MAX} are read`);
    return JSON.parse(await handle.readFile("utf8")) as unknown;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw invalid(`${file} is no JSON (${cause.message}): restore it from a backup, or remove it`, cause);
  } finally {
    await handle.close();
  }
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, "r");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw invalid(`The users in ${file} cannot be read: ${String(cause)}`, cause);
  }
}

function checked(file: string, stored: unknown): z.output<typeof usersSchema> {
  const parsed = usersSchema.safeParse(stored);
  if (parsed.success) return parsed.data;
  throw invalid(`${file}: ${z.prettifyError(parsed.error)}`, parsed.error);
}

async function createNext(file: string, next: string): Promise<FileHandle> {
  try {
    return await open(next, "wx", 0o600);
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw invalid(`${next} cannot be written: ${String(cause)}`, cause);
    const message = `${file} is being changed by another command, or one was broken off: if none runs, remove ${next} and try again`;
    throw invalid(message, cause);
  }
}

/** Whoever administers as root leaves a file that the broker can read. */
async function giveToOwnerOf(folder: string, file: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(folder);
  await chown(file, uid, gid);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function invalid(message: string, cause?: unknown): WaybillError {
  return new WaybillError("OPTIONS_INVALID", message, { cause });
}
