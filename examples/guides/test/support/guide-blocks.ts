import { readFile } from "node:fs/promises";

/** The code blocks of a language in a guide of `docs`, in their order. */
export async function guideBlocks(guide: string, language: "ts" | "sql" | "sh"): Promise<string[]> {
  const text = await readFile(new URL(`../../../../docs/${guide}`, import.meta.url), "utf8");
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] ?? "");
}

/** Code without what depends on how far it is indented. */
export function unwrapped(code: string): string {
  return code
    .replaceAll(/\s+/g, " ")
    .replaceAll(/,? ([)\]}])/g, "$1")
    .replaceAll(/([([{]) /g, "$1")
    .trim();
}
