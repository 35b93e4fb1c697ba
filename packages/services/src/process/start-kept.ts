import { keptFolder, type KeptFolder } from "./kept-folder.ts";

const attemptsMax = 5;
const portTaken = /address already in use|eaddrinuse|port is already in use|cannot bind/i;

/**
 * Starts servers in a kept folder, or says why that cannot be. Again with other ports when somebody took one meanwhile.
 */
export async function startKept<T>(
  prefix: string,
  missing: string | undefined,
  start: (kept: KeptFolder) => Promise<T>,
): Promise<T> {
  if (missing !== undefined) throw new Error(missing);
  for (let attempt = 1; ; attempt += 1) {
    const kept = keptFolder(prefix);
    try {
      return await start(kept);
    } catch (error) {
      await kept.remove();
      if (attempt === attemptsMax || !(error instanceof Error && portTaken.test(error.message))) throw error;
    }
  }
}
