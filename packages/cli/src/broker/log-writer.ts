import { isWaybillError } from "@waybill/core";
import type { BrokerEvent, Settings } from "@waybill/server";
import { LineLimit } from "./line-limit.ts";

type Level = Settings["logLevel"];

/** What a line tells besides its time, level and event. */
type Fields = Readonly<Record<string, unknown>>;

/** Writes lines for people, or JSON lines for programs, to stdout. Payloads never appear. */
export interface LogWriter {
  event(event: BrokerEvent): void;
  /** @param text stands for the fields in a line for people */
  line(level: Level, event: string, fields: Fields, text?: string): void;
}

const REFUSALS_PER_SECOND_MAX = 20;
const RANK: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function logWriter({ logFormat, logLevel }: Pick<Settings, "logFormat" | "logLevel">): LogWriter {
  const line: LogWriter["line"] = (level, event, fields, text) => {
    if (RANK[level] < RANK[logLevel]) return;
    const time = new Date().toISOString();
    const shown = Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, shownValue(value)]),
    );
    console.log(
      logFormat === "json"
        ? JSON.stringify({ time, level, event, ...shown })
        : `${time} ${level.padEnd(5)} ${text ?? `${event}${asText(shown)}`}`,
    );
  };
  const refusals = new LineLimit(REFUSALS_PER_SECOND_MAX);
  const event: LogWriter["event"] = ({ type, level, ...fields }) => {
    // Everybody who reaches the port can cause these.
    if (type === "connection.refused") {
      const { isWritten, omitted } = refusals.next();
      if (!isWritten) return;
      if (omitted > 0) line("warn", "log.omitted", { omitted: type, lines: omitted });
    }
    line(level, type, fields);
  };
  return { line, event };
}

/** Values of clients are quoted, so that none of them can look like another field or line. */
function asText(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${typeof value === "number" ? value : JSON.stringify(value)}`)
    .join("");
}

function shownValue(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return isWaybillError(value) ? `${value.code}: ${value.message}` : (value.stack ?? value.message);
}
