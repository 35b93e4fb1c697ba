import { describe, expect, test } from "vitest";
import {
  ALL_MIGRATIONS,
  downStatements,
  grantStatements,
  migrationContext,
  plainSql,
  quotedIdentifier,
  upStatements,
} from "../src/index.ts";

describe("migration statements", () => {
  const context = migrationContext({ source: "orders" });
  const statements = ALL_MIGRATIONS.flatMap((migration) => [
    ...upStatements(migration, context),
    ...downStatements(migration, context),
  ]);

  test("hold no question mark, which knex takes for a binding", () => {
    expect(statements.filter((statement) => statement.includes("?"))).toEqual([]);
  });

  test("name the schema in front of everything they make", () => {
    const made = statements.filter((statement) => /^(create|drop) (table|function|sequence)/.test(statement));
    expect(made.filter((statement) => !/^(create|drop) \w+ "waybill"\./.test(statement))).toEqual([]);
  });

  test("have names that sort in the order of application", () => {
    const names = ALL_MIGRATIONS.map(({ name }) => name);
    expect(names.toSorted()).toEqual(names);
  });

  test.each(["", "a".repeat(64), "pg_mine", "a\0b", "a?b", "a$b"])("refuse %j as a schema", (schema) => {
    expect(() => plainSql({ source: "orders", schema })).toThrow(RangeError);
  });

  test("quote a schema with quotes in its name", () => {
    expect(quotedIdentifier(`we"ird`)).toBe(`"we""ird"`);
  });

  test.each(["", "a'b", "a b", "-a", "x".repeat(101)])("refuse %j as a source", (source) => {
    expect(() => plainSql({ source })).toThrow(/source/);
  });

  test.each([0, 1.5, 5000, Number.NaN])("refuse %d partitions", (partitions) => {
    expect(() => plainSql({ source: "orders", partitions })).toThrow(/partitions/);
  });

  test("give a producer nothing but what recording needs", () => {
    expect(grantStatements({ producer: "shop" })).toEqual([
      `grant usage on schema "waybill" to "shop"`,
      `grant select on "waybill".settings, "waybill".waybill_migrations to "shop"`,
      `grant insert on "waybill".outbox, "waybill".outbox_0, "waybill".outbox_1, "waybill".outbox_2, "waybill".outbox_3 to "shop"`,
      `grant select, insert on "waybill".outbox_dedup to "shop"`,
      `grant usage on sequence "waybill".outbox_id to "shop"`,
    ]);
  });
});
