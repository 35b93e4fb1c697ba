import { expect, test } from "vitest";
import { TooManyLogins } from "../../src/users/access.ts";
import { hashPassword, readPasswordHash } from "../../src/users/password-hash.ts";
import { PasswordVerifier } from "../../src/users/password-verifier.ts";
import { cheapHash } from "./cheap-hash.ts";

async function hashOf(password: string) {
  const hash = readPasswordHash(await hashPassword(password));
  if (hash === undefined) throw new Error("what was made is no hash");
  return hash;
}

function cheap() {
  const hash = readPasswordHash(cheapHash("nobody's"));
  if (hash === undefined) throw new Error("the cheap hash is refused");
  return hash;
}

/** What a verification costs: cached ones cost nothing. */
async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

test("a right password is remembered for five minutes, for this user and this hash alone", async () => {
  let now = 0;
  const verifier = new PasswordVerifier(() => now);
  const hash = await hashOf("secret");
  const login = () => verifier.verify("ada", "secret", hash, "127.0.0.1");
  const first = await cpuMs(login);
  expect(await login()).toBe(true);
  now = 299_999;
  expect(await cpuMs(login)).toBeLessThan(first / 3);
  now = 300_000;
  expect(await cpuMs(login)).toBeGreaterThan(first / 3);
  expect(await verifier.verify("ada", "secret", await hashOf("other"), "127.0.0.1")).toBe(false);
  expect(await verifier.verify("ada", "Secret", hash, "127.0.0.1")).toBe(false);
});

test("a thousand logins at once with the same password cost one", async () => {
  const verifier = new PasswordVerifier();
  const hash = await hashOf("secret");
  const login = () => verifier.verify("ada", "secret", hash, "127.0.0.1");
  const one = await cpuMs(() => new PasswordVerifier().verify("ada", "secret", hash, "127.0.0.1"));
  const thousand = await cpuMs(async () => {
    const answers = await Promise.all(Array.from({ length: 1_000 }, login));
    expect(answers.every(Boolean)).toBe(true);
  });
  expect(thousand).toBeLessThan(3 * one);
});

test("a flood of guesses is refused without being hashed, and another address still gets in", async () => {
  const verifier = new PasswordVerifier();
  const hash = await hashOf("secret");
  const guesses = Array.from({ length: 500 }, (_, number) =>
    verifier.verify("ada", `guess ${number}`, cheap(), "10.0.0.1"),
  );
  const settled = Promise.allSettled(guesses);
  expect(await verifier.verify("ada", "secret", hash, "10.0.0.2")).toBe(true);
  const refused = (await settled).filter(({ status }) => status === "rejected");
  expect(refused.length).toBe(500 - 2 - 32);
  for (const outcome of refused)
    expect(outcome).toMatchObject({ reason: expect.any(TooManyLogins) as object });
  const again = await verifier.verify("ada", "guess 500", cheap(), "10.0.0.1");
  expect(again, "the places are free again").toBe(false);
});

test("many addresses together cannot make the queue longer than 64", async () => {
  const verifier = new PasswordVerifier();
  const guesses = Array.from({ length: 500 }, (_, number) =>
    verifier.verify("ada", `guess ${number}`, cheap(), `10.0.1.${number % 250}`),
  );
  const outcomes = await Promise.allSettled(guesses);
  expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(2 + 64);
});

test("a password longer than any is wrong without being hashed", async () => {
  const verifier = new PasswordVerifier();
  const hash = await hashOf("secret");
  const cost = await cpuMs(async () => {
    expect(await verifier.verify("ada", "x".repeat(1_025), hash, "127.0.0.1")).toBe(false);
  });
  expect(cost).toBeLessThan(20);
});
