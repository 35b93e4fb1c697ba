/** Milliseconds from what `date_part('epoch', …)` answers; columns keep milliseconds. */
export function msOf(seconds: string): number {
  return Math.round(Number(seconds) * 1000);
}

export function msOrNull(seconds: string | null | undefined): number | null {
  return seconds === null || seconds === undefined ? null : msOf(seconds);
}

/** A column that the statement never leaves null. */
export function present(column: string | null | undefined): string {
  if (column === null || column === undefined) throw new Error("a column that cannot be null is null");
  return column;
}

/** Text that PostgreSQL can store: without zero characters and lone surrogates. For errors and foreign headers. */
export function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD").toWellFormed();
}
