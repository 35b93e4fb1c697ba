import { expect, test } from "vitest";
import { hashPassword, readPasswordHash, verifyPassword } from "../../src/users/password-hash.ts";

function stored(text: string) {
  const hash = readPasswordHash(text);
  if (hash === undefined) throw new Error(`${text} is no hash`);
  return hash;
}

test("a password matches its own hash and nothing else does", async () => {
  const hash = stored(await hashPassword("pässword"));
  expect(hash).toMatchObject({ ln: 15, r: 8, p: 1 });
  expect(await verifyPassword("pässword", hash)).toBe(true);
  expect(await verifyPassword("pässwore", hash)).toBe(false);
  expect(await verifyPassword("", hash)).toBe(false);
});

test("the same password is stored differently each time", async () => {
  expect(await hashPassword("secret")).not.toBe(await hashPassword("secret"));
});

test("it is scrypt as others compute it, with the cost that stands in the hash", async () => {
  // The second vector of RFC 7914, section 12, of which PHC's form keeps all 64 bytes.
  const vector =
    "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640";
  const text = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
  const salt = "NaCl";
  const tooShort = `$scrypt$ln=10,r=8,p=16$${text(Buffer.from(salt))}$${text(Buffer.from(vector, "hex"))}`;
  expect(readPasswordHash(tooShort), "a salt of four bytes").toBeUndefined();
  const hash = { ln: 10, r: 8, p: 16, salt: Buffer.from(salt), hash: Buffer.from(vector, "hex"), text: "" };
  expect(await verifyPassword("password", hash)).toBe(true);
});

const SALT = "A".repeat(22);
const HASH = "A".repeat(43);

test.each([
  ["plain text", "secret"],
  ["another function", `$argon2id$ln=14,r=8,p=5$${SALT}$${HASH}`],
  ["too little work", `$scrypt$ln=9,r=8,p=1$${SALT}$${HASH}`],
  ["no rounds", `$scrypt$ln=14,r=0,p=1$${SALT}$${HASH}`],
  ["256 MiB for a login", `$scrypt$ln=18,r=8,p=1$${SALT}$${HASH}`],
  ["minutes for a login", `$scrypt$ln=14,r=8,p=99$${SALT}$${HASH}`],
  ["something behind it", `$scrypt$ln=14,r=8,p=5$${SALT}$${HASH}$x`],
])("%s is no hash", (_name, text) => {
  expect(readPasswordHash(text)).toBeUndefined();
});

test.each([
  ["an empty one", ""],
  ["one of more than 1,024 bytes", "ä".repeat(513)],
])("%s is no password", async (_name, password) => {
  await expect(hashPassword(password)).rejects.toThrow(RangeError);
});
