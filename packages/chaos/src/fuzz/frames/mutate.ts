import type { Seeded } from "../../seeded.ts";
import { pick, randomBytes } from "./random-methods.ts";

/** Octets at which something changes: lengths, signs, the type of a field, the end of a frame. */
const OCTETS = [0, 1, 0x7f, 0x80, 0xce, 0xff, ...Buffer.from("tbBsuIilLfdDSATFVxZ")];
const LENGTHS = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const INSERTED_MAX = 16;

/** One change of the kinds that break decoders. */
export function mutate(chance: Seeded, bytes: Buffer): Buffer {
  if (bytes.length === 0) return randomBytes(chance, INSERTED_MAX);
  const at = chance.below(bytes.length);
  switch (chance.below(7)) {
    case 0:
      return changed(bytes, (copy) => (copy[at] = (copy[at] ?? 0) ^ (1 << chance.below(8))));
    case 1:
      return changed(bytes, (copy) => (copy[at] = pick(chance, OCTETS)));
    case 2:
      return changed(bytes, (copy) => {
        if (at + 4 <= copy.length) copy.writeUInt32BE(pick(chance, LENGTHS), at);
      });
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), randomBytes(chance, INSERTED_MAX), bytes.subarray(at)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(chance.below(at + 1))]);
    default:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + chance.below(INSERTED_MAX))]);
  }
}

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}
