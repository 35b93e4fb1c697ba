import { scryptSync } from "node:crypto";

/** A hash that costs next to nothing, for tests that verify many passwords. */
export function cheapHash(password: string): string {
  const salt = Buffer.from("salt for the tests");
  const hash = scryptSync(password, salt, 32, { N: 2 ** 10, r: 1, p: 1 });
  const text = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
  return `$scrypt$ln=10,r=1,p=1$${text(salt)}$${text(hash)}`;
}
