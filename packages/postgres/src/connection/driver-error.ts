import { WaybillError } from "@waybill/core";

/** SQLSTATEs that say that the session is over or the server cannot serve now. */
const UNAVAILABLE = new Set(["57P01", "57P02", "57P03", "57P05", "53300", "25P03"]);
/** No such table, schema or function. */
const NOT_MIGRATED = new Set(["42P01", "3F000", "42883"]);
/** A prepared statement that its session does not have, or has already. */
const OTHER_SESSION = new Set(["26000", "42P05"]);

/** Serialization failure and deadlock: nothing was wrong but the moment. */
const CONFLICT = new Set(["40001", "40P01"]);

/** Raised by Waybill's own functions. */
const OWN_STATES = {
  WB001: "SOURCE_MISMATCH",
  WB002: "SCHEMA_UNSAFE",
  WB003: "SCHEMA_UNSAFE",
} as const;

/** The SQLSTATE of an error that the server sent; `null` for anything else, such as a lost connection. */
export function sqlState(error: unknown): string | null {
  if (!(error instanceof Error) || !("severity" in error) || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}

/** Whether an error leaves it open what became of a statement, because the session ended. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof WaybillError) return error.code === "STORAGE_UNAVAILABLE";
  const state = sqlState(error);
  return state === null ? looksLikeTransport(error) : UNAVAILABLE.has(state) || state.startsWith("08");
}

/** An error of one of Waybill's own statements, with a code. */
export function statementError(error: unknown): WaybillError {
  if (error instanceof WaybillError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  if (isConnectionError(error)) return unavailable(error);
  const state = sqlState(error) ?? "";
  if (state in OWN_STATES) {
    const code = OWN_STATES[state as keyof typeof OWN_STATES];
    return new WaybillError(code, `${detail}.`, { cause: error });
  }
  if (CONFLICT.has(state)) {
    const message = `Another transaction was in the way (${detail}): run the whole transaction again.`;
    return new WaybillError("TRANSACTION_CONFLICT", message, { cause: error });
  }
  if (NOT_MIGRATED.has(state)) {
    const hint = "Waybill's tables are missing or of another version; run: npx waybill migrate up";
    return new WaybillError("MIGRATIONS_MISSING", `${hint} (${detail}).`, { cause: error });
  }
  const hint = OTHER_SESSION.has(state)
    ? " A pooler gives every transaction another session and does not keep track of prepared statements: use postgresStorage({ …, prepare: false })."
    : "";
  const message = `The database refused a statement: ${detail}.${hint}`;
  return new WaybillError("STORAGE_FAILED", message, { cause: error });
}

/** An error that says that the database cannot be reached. */
export function unavailable(error: unknown): WaybillError {
  if (error instanceof WaybillError) return error;
  const detail = describe(error);
  return new WaybillError("STORAGE_UNAVAILABLE", `The database cannot be reached: ${detail}.`, {
    cause: error,
  });
}

function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join("; ");
  return error instanceof Error ? error.message : String(error);
}

function looksLikeTransport(error: Error): boolean {
  const code = "code" in error ? String(error.code) : "";
  return (
    /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_)/.test(code) ||
    /connection|terminated|timeout|not queryable|closed/i.test(error.message)
  );
}
