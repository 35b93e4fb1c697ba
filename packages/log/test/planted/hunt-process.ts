import { writeSync } from "node:fs";
import { BATCH_HEADER_BYTES } from "@waybill/log/internal";
import { crashWorkload } from "../crash-workload.ts";
import { checkDamaged } from "../damage-check.ts";
import { flipped, placesOf, storedLog } from "../stored-log.ts";

const SEEDS = 300;

/** Flips a bit in the header and in the body of every batch: only the last one may end a log quietly. */
async function huntDamage(): Promise<string | null> {
  const { files, contents } = await storedLog({ records: 60 });
  const places = placesOf(files);
  for (const place of places) {
    for (const byte of [place.position + 9, place.position + BATCH_HEADER_BYTES + 30]) {
      const changed = flipped(files, place.name, byte * 8);
      try {
        const { kind } = await checkDamaged(changed, contents, { repair: false });
        if (kind === "served" && place !== places.at(-1))
          return `byte ${byte} of ${place.name} was passed over`;
      } catch (error) {
        return `byte ${byte} of ${place.name}: ${String(error)}`;
      }
    }
  }
  return null;
}

async function huntCrashes(): Promise<string | null> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    try {
      await crashWorkload(seed);
    } catch (error) {
      return `seed ${seed}: ${String(error)}`;
    }
  }
  return null;
}

/** Looks for a bug as the tests do, and says on one line what gave it away, or `null`. */
const found = (await huntDamage()) ?? (await huntCrashes());
writeSync(1, `${JSON.stringify({ event: "hunted", found })}\n`);
