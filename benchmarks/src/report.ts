/** How long a benchmark measures. */
export interface Effort {
  /** The median of so many rounds counts. */
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  /** Rows of a benchmark whose size matters. */
  readonly rows?: number | undefined;
}

/** What a benchmark found. */
export interface Figures {
  readonly bench: string;
  /** The median over the rounds. */
  readonly value: number;
  readonly unit: string;
  /** `value` against something else in the same run. */
  readonly ratio?: number;
  readonly against?: string;
  /** Rows of the table for people: a name, and its value in each round. */
  readonly rounds: Readonly<Record<string, readonly number[]>>;
  /** Further fields of the JSON line. */
  readonly more?: Readonly<Record<string, number | string>>;
}

export type Benchmark = (effort: Effort) => Promise<Figures>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The median of the quotients round by round, so that a machine that changes its speed does not count. */
export function medianRatio(of: readonly number[], to: readonly number[]): number {
  return median(of.map((value, round) => value / (to[round] ?? Number.NaN)));
}

/** The value below which `share` of the samples lie. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A table for people, and with `json` one object as the last line. */
export function printFigures(figures: Figures, json: boolean): void {
  const { rounds, more = {}, ...fields } = figures;
  const width = Math.max(...Object.keys(rounds).map((name) => name.length), figures.bench.length) + 2;
  console.log(
    `${figures.bench.padEnd(width)}${"min".padStart(12)}${"median".padStart(12)}${"max".padStart(12)}`,
  );
  for (const [name, values] of Object.entries(rounds)) {
    const cells = [Math.min(...values), median(values), Math.max(...values)];
    console.log(`${name.padEnd(width)}${cells.map((cell) => readable(cell).padStart(12)).join("")}`);
  }
  if (figures.ratio !== undefined)
    console.log(`ratio ${readable(figures.ratio)} against ${figures.against ?? "?"}`);
  for (const [name, value] of Object.entries(more))
    console.log(`${name} ${typeof value === "number" ? readable(value) : value}`);
  if (json) console.log(JSON.stringify(mapNumbers({ ...fields, ...more })));
}

function readable(value: number): string {
  return value >= 1_000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

function mapNumbers(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === "number" ? Number(value.toPrecision(5)) : value,
    ]),
  );
}
