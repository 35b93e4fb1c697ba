const SECTOR_BYTES = 512;

interface Change {
  readonly position: number;
  /** `null`: the file was cut off at `position`. */
  readonly bytes: Buffer | null;
}

/** Numbers in [0, 1). */
export type Random = () => number;

/** What a file holds for those who read it, and what of it the disk holds. */
export class SimulatedFile {
  #visible: Buffer;
  #durable: Buffer;
  /** What was done since the last successful sync, and is still on its way to the disk. */
  #changes: Change[] = [];

  constructor(contents: Buffer = Buffer.alloc(0)) {
    this.#visible = contents;
    this.#durable = contents;
  }

  get visible(): Buffer {
    return this.#visible;
  }

  write(bytes: Uint8Array, position: number): void {
    const change = { position, bytes: Buffer.from(bytes) };
    this.#visible = applied(this.#visible, change);
    this.#changes.push(change);
  }

  truncate(length: number): void {
    const change = { position: length, bytes: null };
    this.#visible = applied(this.#visible, change);
    this.#changes.push(change);
  }

  sync(): void {
    this.#durable = applied(this.#durable, ...this.#changes);
    this.#changes = [];
  }

  /**
   * A sync failed: some of the bytes reached the disk, the others never will, and yet they are still seen, and counted as
   * written, as Linux does it.
   */
  failSync(random: Random): void {
    this.#durable = this.#survivors(random);
    this.#changes = [];
  }

  /** The same after the process was killed: nothing that was written is gone, and nothing more is durable. */
  afterKill(): SimulatedFile {
    const file = new SimulatedFile();
    file.#visible = this.#visible;
    file.#durable = this.#durable;
    file.#changes = [...this.#changes];
    return file;
  }

  /** What stands on the disk when the power comes back: of what was not synced, any sectors, or none. */
  afterPowerLoss(random: Random): SimulatedFile {
    return new SimulatedFile(this.#survivors(random));
  }

  #survivors(random: Random): Buffer {
    // Each draw is another kind of bad luck: everything arrived, nothing did, or some sectors.
    const luck = random();
    const chance = luck < 0.2 ? 0 : luck < 0.4 ? 1 : random();
    let contents = this.#durable;
    for (const change of this.#changes) {
      const pieces = change.bytes === null ? [change] : sectorsOf(change.position, change.bytes);
      contents = applied(contents, ...Array.from(pieces).filter(() => random() < chance));
    }
    return contents;
  }
}

/** A write as the disk sees it: whole sectors, each of which arrives or does not. */
function* sectorsOf(position: number, bytes: Buffer): Generator<Change> {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES));
    yield { position: position + at, bytes: bytes.subarray(at, end) };
    at = end;
  }
}

function applied(contents: Buffer, ...changes: readonly Change[]): Buffer {
  const ends = changes.map(({ position, bytes }) => position + (bytes?.length ?? 0));
  const result = Buffer.alloc(Math.max(contents.length, ...ends));
  contents.copy(result);
  let { length } = contents;
  for (const { position, bytes } of changes) {
    bytes?.copy(result, position);
    if (bytes === null) result.fill(0, position);
    length = bytes === null ? position : Math.max(length, position + bytes.length);
  }
  return result.subarray(0, length);
}
