import {
  OUTGOING,
  type AuditRow,
  type DeadLetter,
  type DeadLetterDetail,
  type FailureGroup,
} from "@waybill/core";

const CELL_MAX = 60;
const DETAIL_MAX = 4_000;

/** Rows as aligned columns under a headline, each cell on one line. */
export function table(headline: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [headline, ...rows.map((row) => row.map((cell) => oneLine(cell, CELL_MAX)))];
  const widths = headline.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A payload that is JSON as JSON, other bytes as base64: for `--json`. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_name, one: unknown) =>
      one instanceof Uint8Array
        ? Buffer.from(one.buffer, one.byteOffset, one.byteLength).toString("base64")
        : one,
    2,
  );
}

/** Without payload and stack, which only `show` prints. */
export function summaryOf({ envelope, error, ...letter }: DeadLetter): Record<string, unknown> {
  const { payload: _payload, headers: _headers, ...message } = envelope;
  return { ...letter, error: firstLine(error), message };
}

export function lettersTable(letters: readonly DeadLetter[]): string {
  return table(
    ["ID", "DIED", "STATE", "GROUP", "TOPIC", "KEY", "TRIED", "FINGERPRINT", "ERROR"],
    letters.map((letter) => [
      String(letter.deadLetterId),
      time(letter.diedAt),
      letter.answered ? `${letter.state}, answered` : letter.state,
      groupName(letter.group),
      letter.envelope.topic,
      letter.envelope.key ?? "",
      String(letter.attemptsTotal),
      letter.fingerprint,
      firstLine(letter.error),
    ]),
  );
}

export function groupsTable(groups: readonly FailureGroup[]): string {
  return table(
    ["COUNT", "FINGERPRINT", "GROUP", "TOPIC", "SINCE", "LAST", "EXAMPLE", "ERROR"],
    groups.map(({ count, fingerprint, group, topic, failingSince, lastDiedAt, example }) => [
      String(count),
      fingerprint,
      groupName(group),
      topic,
      time(failingSince),
      time(lastDiedAt),
      String(example.deadLetterId),
      firstLine(example.error),
    ]),
  );
}

export function auditTable(rows: readonly AuditRow[]): string {
  return table(
    ["AT", "BY", "ACT", "ID", "GROUP", "TOPIC", "MESSAGE", "WHY"],
    rows.map(({ at, by, act, deadLetterId, group, topic, messageId, reason }) => [
      time(at),
      by,
      act,
      String(deadLetterId),
      groupName(group),
      topic,
      messageId,
      reason ?? "",
    ]),
  );
}

/** Everything about one letter. */
export function detailText(letter: DeadLetterDetail): string {
  const { envelope, text, audit } = letter;
  const { position } = envelope;
  const lines: readonly (readonly [string, string])[] = [
    [
      "dead letter",
      `${letter.deadLetterId}, ${letter.state}${letter.answered ? ", its failure was answered" : ""}`,
    ],
    ["group", groupName(letter.group)],
    ["message", `${envelope.id} of ${envelope.source}, sent ${time(envelope.createdAt)}`],
    ["topic", `${envelope.topic}, version ${envelope.version}`],
    ["key", envelope.key ?? "none"],
    [
      "position",
      position === null ? "none" : `${envelope.partition}/${position.sequence} of ${position.incarnation}`,
    ],
    ["failing since", time(letter.failingSince)],
    ["died", `${time(letter.diedAt)}, ${letter.deaths} times in ${letter.attemptsTotal} attempts`],
    ["retried", `${letter.delivery} times`],
    ["reason", letter.reason],
    ["fingerprint", letter.fingerprint],
    ...(letter.giveUpError === null ? [] : [["onGiveUp failed", letter.giveUpError] as const]),
    ["headers", JSON.stringify(envelope.headers)],
  ];
  return [
    ...lines.map(([name, value]) => `${name.padEnd(15)}  ${oneLine(value, DETAIL_MAX)}`),
    `\npayload (${envelope.contentType}):\n${printable(text)}`,
    `\nerror:\n${printable(letter.error)}`,
    ...(audit.length === 0 ? [] : [`\nwhat was done:\n${auditTable(audit)}`]),
  ].join("\n");
}

function groupName(group: string): string {
  return group === OUTGOING ? "(outgoing)" : group;
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

/** Control characters of foreign text must not reach a terminal. */
function oneLine(text: string, charactersMax: number): string {
  const line = text.replaceAll(/\p{Cc}+/gu, " ");
  return line.length > charactersMax ? `${line.slice(0, charactersMax - 1)}…` : line;
}

/** The same for text of many lines. */
function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, "\uFFFD");
}
