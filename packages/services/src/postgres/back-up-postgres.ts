import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import type { PostgresBackup } from "./postgres-backup.ts";
import type { PostgresServer } from "./start-postgres.ts";

/** What must not be copied, or is made anew by the server. */
const LEFT_OUT =
  /^(postmaster\.(pid|opts)|pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_stat_tmp|pg_subtrans)$/;
const COPY_ATTEMPTS_MAX = 3;

/**
 * Copies the data of a running embedded server into `folder`, as `pg_basebackup` would: a server that starts from it
 * recovers to the moment when the copy ended. `startPostgres({ from })` makes one.
 */
export async function backUpPostgres(server: PostgresServer, folder: string): Promise<PostgresBackup> {
  if (!server.embedded) throw new Error("only an embedded server's folder can be copied");
  const data = join(server.embedded.folder, "data");
  const client = new Client({ connectionString: server.url });
  await client.connect();
  try {
    await client.query("select pg_backup_start('copy', true)");
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(data)) {
      if (LEFT_OUT.test(name)) await mkdirUnlessFile(join(folder, name), name);
      else await copy(join(data, name), join(folder, name));
    }
    const stopped = await client.query<{ labelfile: string }>("select labelfile from pg_backup_stop(false)");
    await writeFile(join(folder, "backup_label"), stopped.rows[0]?.labelfile ?? "");
    await copy(join(data, "pg_wal"), join(folder, "pg_wal"));
  } finally {
    await client.end();
  }
  return { folder, password: new URL(server.url).password };
}

async function mkdirUnlessFile(path: string, name: string): Promise<void> {
  if (!name.startsWith("postmaster.")) await mkdir(path, { recursive: true });
}

/** The server goes on: a file may vanish between its name and its content. */
async function copy(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await cp(from, to, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === COPY_ATTEMPTS_MAX) throw error;
    }
  }
}
