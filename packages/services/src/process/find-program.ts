import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where a program is, looking also where ordinary users do not; undefined if nowhere. */
export function findProgram(name: string): string | undefined {
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const folders = [...path, "/usr/local/sbin", "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
