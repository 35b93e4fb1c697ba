import { randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { initializePostgres } from "../postgres/initialize-postgres.ts";
import { postgresBinaries } from "../postgres/postgres-binaries.ts";
import { postgresUser } from "../postgres/postgres-user.ts";
import { usualSettings } from "../postgres/usual-settings.ts";
import { ServerNode } from "../process/server-node.ts";
import { servicePorts } from "../process/service-ports.ts";
import type { Service } from "./service.ts";

export interface NativePostgres {
  readonly folder: string;
  readonly port: number;
  readonly password: string;
}

export async function newNativePostgres(folder: string): Promise<NativePostgres> {
  const [port = 0] = await servicePorts(1);
  return { folder: join(folder, "postgres"), port, password: randomBytes(18).toString("hex") };
}

/** PostgreSQL from npm as a daemon. */
export function nativePostgres(spec: NativePostgres): Service {
  const { port, password } = spec;
  const node = postgresNode(spec);
  return {
    name: "postgres",
    how: "natively",
    env: { DATABASE_URL: `postgres://postgres:${password}@127.0.0.1:${port}/postgres` },
    up: () => node.start(),
    down: () => node.stop(),
    status: async () => [{ part: "postgres", isUp: await node.isUp(), place: `127.0.0.1:${port}` }],
  };
}

function postgresNode({ folder, port, password }: NativePostgres): ServerNode {
  const user = postgresUser();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (user) chownSync(folder, user.uid, user.gid);
  const binaries = postgresBinaries(user, folder);
  const settings = Object.entries(usualSettings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return new ServerNode({
    name: "PostgreSQL",
    folder,
    command: binaries.postgres,
    args: ["-D", join(folder, "data"), "-p", String(port), ...settings],
    env: { LC_ALL: "C", TZ: "UTC" },
    user,
    stopSignal: "SIGINT", // SIGTERM would wait for the last client to leave.
    async prepare() {
      const data = join(folder, "data");
      if (existsSync(join(data, "PG_VERSION"))) return;
      mkdirSync(data, { recursive: true, mode: 0o700 });
      if (user) chownSync(data, user.uid, user.gid);
      initializePostgres(binaries, user, folder, password);
    },
    isReady: ({ output }) => output.includes("database system is ready to accept connections"),
  });
}
