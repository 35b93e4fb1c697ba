import { join } from "node:path";
import type { PgBouncerBinary } from "./pgbouncer-binary.ts";

/** The files of a PgBouncer, by name. */
export function pgBouncerFiles(options: {
  readonly binary: PgBouncerBinary;
  readonly port: number;
  readonly folder: string;
  readonly postgresUrl: string;
  readonly poolSize?: number;
  readonly trackPrepared?: boolean;
}): Readonly<Record<string, string>> {
  const { binary, port, folder, postgresUrl, poolSize = 4, trackPrepared = true } = options;
  const { hostname, port: serverPort, username, password } = new URL(postgresUrl);
  const ini = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "scram-sha-256",
    auth_file: join(folder, "users.txt"),
    pool_mode: "transaction",
    default_pool_size: poolSize,
    max_client_conn: 200,
    // Another session for each transaction, so that whoever relies on one is found out.
    server_round_robin: 1,
    ...(binary.tracksPrepared ? { max_prepared_statements: trackPrepared ? 500 : 0 } : {}),
  };
  const lines = Object.entries(ini).map(([name, value]) => `${name} = ${value}`);
  const server = `* = host=${hostname} port=${serverPort === "" ? 5432 : serverPort}`;
  const quoted = (text: string): string => `"${decodeURIComponent(text).replaceAll('"', '""')}"`;
  return {
    "pgbouncer.ini": ["[databases]", server, "[pgbouncer]", ...lines, ""].join("\n"),
    "users.txt": `${quoted(username)} ${quoted(password)}\n`,
  };
}
