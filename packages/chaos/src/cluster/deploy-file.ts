import { readFileSync } from "node:fs";

/**
 * The text of a file under `docs/deploy`, with the names and places of this machine instead of those written there. Each
 * of them must occur, so that a file which changed is not used half.
 */
export function deployFile(path: string, places: Readonly<Record<string, string>> = {}): string {
  const text = readFileSync(new URL(`../../../../docs/deploy/${path}`, import.meta.url), "utf8");
  return Object.entries(places).reduce((made, [written, here]) => {
    if (!made.includes(written)) throw new Error(`docs/deploy/${path} does not mention ${written}`);
    return made.replaceAll(written, here);
  }, text);
}
