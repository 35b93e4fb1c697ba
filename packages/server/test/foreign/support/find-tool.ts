import { spawnSync } from "node:child_process";

/** Why a program cannot be run here, with the Debian package that brings it; undefined if it can. */
export function whyNoTool(
  command: string,
  args: readonly string[],
  debianPackage: string,
): string | undefined {
  const { status } = spawnSync(command, args, { stdio: "ignore", timeout: 30_000 });
  if (status === 0) return undefined;
  return (
    `${[command, ...args].join(" ")} does not work: on Debian, scripts/install-debian-parts.sh ` +
    `installs ${debianPackage}`
  );
}
