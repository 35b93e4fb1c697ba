import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { OUTGOING, type NewDeadLetter } from "@waybill/core";
import { migrate, postgresStorage } from "@waybill/postgres";
import { testDatabase } from "@waybill/services/vitest";
import { Pool } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** A message of `inventory` that died, its key being its number. */
function letter(no: number, change: Partial<NewDeadLetter> = {}): NewDeadLetter {
  return {
    group: "inventory",
    envelope: {
      id: randomUUID(),
      source: "orders",
      topic: "order.placed",
      version: 1,
      key: `order-${no}`,
      partition: 1,
      headers: { trace: "t1" },
      contentType: "application/json",
      payload: Buffer.from(JSON.stringify({ no })),
      createdAt: 1_700_000_000_000 + no,
      position: null,
    },
    order: "blocking",
    attempts: 12,
    reason: "attempts used up",
    error: `Error: no \u001B[31mstock\n    at reserve (stock.js:1:1)`,
    fingerprint: "aaaaaaaaaaaa",
    failingSince: 1_700_000_000_000,
    answered: false,
    ...change,
  };
}

describe("waybill dead-letters", () => {
  const database = testDatabase({
    prepare: async (connectionString) => {
      await migrate({ connectionString }, { source: "orders" });
    },
  });

  async function waybill(...args: string[]) {
    const child = spawn(process.execPath, ["--conditions=waybill-source", MAIN, "dead-letters", ...args], {
      env: { ...process.env, DATABASE_URL: database.url },
    });
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    return { out, err, code };
  }

  /** Empties the tables and buries these. Answers their ids. */
  async function bury(...letters: NewDeadLetter[]): Promise<number[]> {
    const pool = new Pool({ connectionString: database.url, max: 2 });
    onTestFinished(() => pool.end());
    await pool.query("truncate waybill.dead_letter, waybill.dead_letter_audit, waybill.parked");
    const storage = postgresStorage({ pool });
    await storage.transaction(async (tx) => {
      for (const one of letters) await storage.deadLetters.bury(tx, one);
    });
    const buried = await storage.deadLetters.list(100);
    return buried.map(({ deadLetterId }) => deadLetterId).toReversed();
  }

  test("tells what fails and how often, lists and shows it, for people and for programs", async () => {
    const other = { group: OUTGOING, fingerprint: "bbbbbbbbbbbb" };
    const [first = 0, second = 0] = await bury(letter(1), letter(2), letter(3, other));
    const groups = await waybill("groups");
    expect(groups).toMatchObject({ code: 0, err: "" });
    expect(groups.out).toMatch(
      /COUNT +FINGERPRINT[^]*2 +aaaaaaaaaaaa +inventory[^]*1 +bbbbbbbbbbbb +\(outgoing\)/,
    );
    const list = await waybill("list", "--limit", "2");
    expect(list.out).toMatch(/order-3[^]*order-2[^]*--after \d+\n$/);
    expect(list.out).not.toContain("\u001B");
    expect((await waybill("list", "--limit", "2", "--after", String(second))).out).toMatch(/order-1/);
    expect((await waybill("list", "--outgoing")).out).toMatch(/order-3/);
    const json = await waybill("list", "--group", "inventory", "--json");
    expect(JSON.parse(json.out)).toMatchObject([{ message: { key: "order-2" } }, { deadLetterId: first }]);
    expect(json.out).not.toContain("payload");
    const shown = await waybill("show", String(first));
    expect(shown.out).toMatch(/key +order-1[^]*trace[^]*\{"no":1\}[^]*at reserve/);
    expect(shown.out).not.toContain("\u001B");
    const whole = JSON.parse((await waybill("show", String(first), "--json")).out) as object;
    expect(whole).toMatchObject({ payload: { no: 1 }, state: "dead" });
    expect(await waybill("show", "999999")).toMatchObject({
      code: 1,
      err: "There is no dead letter 999999.\n",
    });
    expect(await waybill("list", "--state", "discarded")).toMatchObject({
      code: 0,
      out: "No dead letters.\n",
    });
  });

  test("retries and discards one at once, and many only with --yes; the audit says who and why", async () => {
    const [first = 0, second = 0] = await bury(
      letter(1),
      letter(2),
      letter(3),
      letter(4, { answered: true }),
    );
    const one = await waybill("retry", String(first), "--by", "ada", "--reason", "stock corrected");
    expect(one).toMatchObject({ code: 0, err: "", out: "1 dead letter retried.\n" });
    const twice = await waybill("retry", String(first));
    expect(twice).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/not retried/) as string });
    const preview = await waybill("retry", "--group", "inventory");
    expect(preview).toMatchObject({
      code: 2,
      out: expect.stringMatching(/^2 dead letters would be retried.*--yes/) as string,
    });
    const bounded = await waybill("discard", "--all", "--limit", "1", "--reason", "test", "--yes");
    expect(bounded.out).toMatch(/^1 dead letter discarded\. More are left/);
    const many = await waybill(
      "retry",
      "--topic",
      "order.placed",
      "--per-second",
      "5",
      "--answered",
      "--yes",
      "--json",
    );
    expect(JSON.parse(many.out)).toEqual({ count: 2, more: false, done: true });
    const audit = await waybill("audit");
    expect(audit.out).toMatch(/BY +ACT[^]*discard[^]*ada +retry[^]*stock corrected/);
    const rows = JSON.parse((await waybill("audit", "--id", String(second), "--json")).out) as object[];
    expect(rows).toMatchObject([
      { act: "discard", reason: "test", by: expect.stringMatching(/./) as string },
    ]);
  });

  test("says what is wrong and exits with 2 for wrong usage", async () => {
    expect(await waybill("discard", "1")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--reason/) as string,
    });
    expect(await waybill("retry", "--yes")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--all/) as string,
    });
    expect(await waybill("retry", "1", "--all")).toMatchObject({ code: 2 });
    expect(await waybill("retry", "--all", "--yes", "--per-second", "no")).toMatchObject({ code: 2 });
    expect(await waybill("show", "one")).toMatchObject({ code: 2 });
    expect(await waybill("list", "--schema", "elsewhere")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^MIGRATIONS_MISSING/) as string,
    });
    const help = await waybill("--help");
    expect(help).toMatchObject({ code: 0, out: expect.stringMatching(/Examples:[^]*--yes/) as string });
  });
});
