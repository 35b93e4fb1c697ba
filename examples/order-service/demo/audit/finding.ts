export type FindingKind = "lost" | "orphan" | "double effect" | "out of order";

/** One thing that must not be, in words for a person. */
export interface Finding {
  readonly kind: FindingKind;
  /** The order, customer or article that it is about. */
  readonly subject: string;
  readonly what: string;
}

/** The entries of `items` by key, keys in the order of their first entry. */
export function groupedBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** The sum of `valueOf` by key. */
export function sumBy<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  valueOf: (item: T) => number,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const item of items) sums.set(keyOf(item), (sums.get(keyOf(item)) ?? 0) + valueOf(item));
  return sums;
}

export function money(cents: number): string {
  return (cents / 100).toFixed(2);
}
