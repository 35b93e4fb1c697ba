import { InvalidArgumentError, Option } from "commander";

/** Where the database is. */
export function databaseUrlOption(): Option {
  return new Option("-d, --database-url <url>", "the PostgreSQL database")
    .env("DATABASE_URL")
    .makeOptionMandatory();
}

/** Where Waybill's tables are. */
export function schemaOption(): Option {
  return new Option("--schema <name>", "the schema of Waybill's tables")
    .env("WAYBILL_SCHEMA")
    .default("waybill");
}

/** Whose outbox it is. */
export function sourceOption(): Option {
  return new Option("--source <name>", "the service that owns the outbox")
    .env("WAYBILL_SOURCE")
    .makeOptionMandatory();
}

/** Fixed by the first migration. */
export function partitionsOption(): Option {
  return new Option("--partitions <count>", "unit of order on every broker; fixed by the first migration")
    .default(32)
    .argParser(wholeNumber);
}

/** At most so many. */
export function limitOption(byDefault: number, max: number): Option {
  return new Option("--limit <count>", `at most so many, up to ${max}`)
    .default(byDefault)
    .argParser(wholeNumber);
}

/** For programs. */
export function jsonOption(): Option {
  return new Option("--json", "print JSON").default(false);
}

export function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number.");
}
