import { spawnSync } from "node:child_process";

export interface PgBouncerBinary {
  readonly path: string;
  readonly version: string;
  /** From 1.21 on it gives each client its own prepared statements, whichever session runs them. */
  readonly tracksPrepared: boolean;
}

/** Debian puts it where ordinary users do not look. */
const places = ["pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer"];

/** The PgBouncer of this machine, or why there is none. `PGBOUNCER` names another one. */
export function pgBouncerBinary(): PgBouncerBinary | string {
  const named = process.env["PGBOUNCER"];
  const candidates = named === undefined || named === "" ? places : [named];
  for (const path of candidates) {
    const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
    const [, version, major, minor] = /^PgBouncer ((\d+)\.(\d+)\S*)/i.exec(stdout ?? "") ?? [];
    if (status !== 0 || version === undefined) continue;
    const tracksPrepared = Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 21);
    return { path, version, tracksPrepared };
  }
  return `${candidates.join(", ")} cannot be run: on Debian, scripts/install-debian-parts.sh installs it`;
}

/** Why PgBouncer cannot be started here, for `requirePart("pgbouncer", …)`; undefined when it can. */
export function whyNoPgBouncer(): string | undefined {
  const binary = pgBouncerBinary();
  return typeof binary === "string" ? binary : undefined;
}
