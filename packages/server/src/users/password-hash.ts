import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from "node:crypto";
import { promisify } from "node:util";

/*
 * A stored password is text in PHC's form; salt and hash are base64 without padding:
 *
 *   $scrypt$ln=15,r=8,p=1$<salt>$<hash>      N = 2^ln; needs 128 * N * r bytes of memory
 */

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** 32 MiB, and about a tenth of a second of one core. */
const NEW = { ln: 15, r: 8, p: 1 } as const satisfies Cost;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** What a file may ask of the process: a login takes no more memory and time than this. */
const MEMORY_BYTES_MAX = 128 * 1024 * 1024;
const ROUNDS_MAX = 2 ** 21;

/** Longer ones are refused: clients without a login could have megabytes hashed. */
export const PASSWORD_BYTES_MAX = 1_024;

interface Cost {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

export interface PasswordHash extends Cost {
  readonly salt: Buffer;
  readonly hash: Buffer;
  /** As it is stored. */
  readonly text: string;
}

const FORM =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43,86})$/;

/** Reads a stored password. `undefined` when it is none, or one that is too weak or too expensive to verify. */
export function readPasswordHash(text: string): PasswordHash | undefined {
  const [, lnText, rText, pText, salt, hash] = FORM.exec(text) ?? [];
  if (salt === undefined || hash === undefined) return undefined;
  const [ln, r, p] = [Number(lnText), Number(rText), Number(pText)];
  if (ln < 10 || ln > 20 || r < 1 || p < 1) return undefined;
  if (128 * 2 ** ln * r > MEMORY_BYTES_MAX || 2 ** ln * r * p > ROUNDS_MAX) return undefined;
  return { ln, r, p, salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64"), text };
}

/**
 * Hashes a password with a salt of its own, in the form that the users file keeps.
 *
 * @throws RangeError when it is empty or has more than 1,024 bytes
 */
export async function hashPassword(password: string): Promise<string> {
  const bytes = Buffer.byteLength(password);
  if (bytes === 0 || bytes > PASSWORD_BYTES_MAX) {
    throw new RangeError(`A password has 1 to ${PASSWORD_BYTES_MAX} bytes; this one has ${bytes}.`);
  }
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, HASH_BYTES, costOptions(NEW));
  const { ln, r, p } = NEW;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Whether this is the password. Takes as long for a wrong one. */
export async function verifyPassword(password: string, stored: PasswordHash): Promise<boolean> {
  const found = await derive(password, stored.salt, stored.hash.length, costOptions(stored));
  return timingSafeEqual(found, stored.hash);
}

/** Costs as much to verify as a new password, and no password is known to match. */
export function unmatchable(): PasswordHash {
  return { ...NEW, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES), text: "" };
}

function costOptions({ ln, r, p }: Cost): ScryptOptions {
  return { N: 2 ** ln, r, p, maxmem: 2 * MEMORY_BYTES_MAX };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}
