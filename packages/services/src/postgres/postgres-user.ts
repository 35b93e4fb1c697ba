import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Who runs the server: PostgreSQL refuses to run as root. */
export interface PostgresUser {
  readonly uid: number;
  readonly gid: number;
}

const candidates = ["postgres", "nobody"];

/** An unprivileged user that exists already, if this process is root; undefined if this process can run the server itself. */
export function postgresUser(): PostgresUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = new Map(readFileSync("/etc/passwd", "utf8").split("\n").map(parseUser));
  const user = candidates.map((name) => users.get(name)).find((found) => found !== undefined);
  if (!user) {
    throw new Error(
      `PostgreSQL cannot run as root, and there is no user ${candidates.join(" or ")} to run it: ` +
        "set DATABASE_URL to a running server, or do this as an ordinary user",
    );
  }
  return user;
}

/** Whether somebody else can pass through every folder above `path`. */
export function isReachableByOthers(path: string): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function parseUser(line: string): [string, PostgresUser | undefined] {
  const [name = "", , uid, gid] = line.split(":");
  const user = { uid: Number(uid), gid: Number(gid) };
  return [name, user.uid > 0 && user.gid > 0 ? user : undefined];
}
