const BAR_CELLS = 24;
/** Where stdout is no terminal, progress is a line for each of these parts of the whole. */
const PLAIN_STEPS = 5;

/** What a person sees: short lines with the time, and below them a bar that moves. */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #startedAtMs = performance.now();
  #bar = "";
  #plainStep = 0;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
  }

  get seconds(): number {
    return (performance.now() - this.#startedAtMs) / 1_000;
  }

  /** A line with the time at which it happened. */
  say(text: string): void {
    this.print(`${this.seconds.toFixed(1).padStart(6)} s  ${text}`);
  }

  print(text: string): void {
    this.#erase();
    this.#out.write(`${text}\n`);
    this.#draw();
  }

  /** Moves the bar. In a file or pipe: says it now and then. */
  progress(done: number, total: number, note: string): void {
    const share = total === 0 ? 1 : done / total;
    if (this.#out.isTTY) {
      const cells = Math.round(share * BAR_CELLS);
      this.#erase();
      this.#bar = `          ${"█".repeat(cells)}${"░".repeat(BAR_CELLS - cells)} ${note}`;
      this.#draw();
      return;
    }
    const step = Math.floor(share * PLAIN_STEPS);
    if (step <= this.#plainStep) return;
    this.#plainStep = step;
    this.say(note);
  }

  endProgress(): void {
    this.#erase();
    this.#bar = "";
    this.#plainStep = 0;
  }

  #erase(): void {
    if (this.#bar !== "") this.#out.write("\r\x1b[2K");
  }

  #draw(): void {
    if (this.#bar !== "") this.#out.write(this.#bar.slice(0, this.#out.columns - 1));
  }
}
