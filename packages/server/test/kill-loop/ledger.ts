/** What one publisher sent: messages 0, 1, 2, … */
export interface StreamLedger {
  readonly name: string;
  /** How many were published, or at least given to the client. */
  published: number;
  readonly confirmed: Set<number>;
}

/** What came out of one queue, which one publisher fills. */
export interface QueueLedger {
  readonly name: string;
  readonly stream: StreamLedger;
  readonly delivered: Set<number>;
  /** The last message of this consumer; -1 before the first. */
  last: number;
  duplicates: number;
  /** A consumer got a message that is older than the one before. */
  inversions: number;
  /** What nobody published, or with another body. */
  readonly unexpected: string[];
}

export interface KillLoopReport {
  readonly kills: number;
  readonly attempted: number;
  readonly confirmed: number;
  /** Confirmed and never delivered, over all queues. */
  readonly lost: number;
  /** Delivered and never published. */
  readonly unexpected: number;
  readonly inversions: number;
  /** Delivered although not confirmed: their publisher was cut off before it heard. */
  readonly recovered: number;
  readonly duplicates: number;
}

export function newStream(name: string): StreamLedger {
  return { name, published: 0, confirmed: new Set() };
}

export function newQueue(name: string, stream: StreamLedger): QueueLedger {
  return { name, stream, delivered: new Set(), last: -1, duplicates: 0, inversions: 0, unexpected: [] };
}

const BODY_BYTES_MAX = 20_000;

/** `name/number/` and then a filling whose length and bytes follow from the number. */
export function bodyOf(stream: string, number: number): Buffer {
  const head = `${stream}/${number}/`;
  const filling = (number * 7_919) % (number % 16 === 0 ? BODY_BYTES_MAX : 300);
  return Buffer.from(head.padEnd(head.length + filling, String.fromCharCode(97 + (number % 26))));
}

export function noteDelivery(queue: QueueLedger, body: Buffer): void {
  const { stream } = queue;
  const number = Number(body.subarray(0, 40).toString("latin1").split("/")[1]);
  if (!(number < stream.published) || !bodyOf(stream.name, number).equals(body)) {
    queue.unexpected.push(body.subarray(0, 40).toString("latin1"));
    return;
  }
  if (number <= queue.last) queue.inversions += 1;
  queue.last = number;
  if (queue.delivered.has(number)) queue.duplicates += 1;
  queue.delivered.add(number);
}

export function lostOf({ stream, delivered }: QueueLedger): number[] {
  return [...stream.confirmed].filter((number) => !delivered.has(number));
}

export function reportOf(kills: number, queues: readonly QueueLedger[]): KillLoopReport {
  const streams = [...new Set(queues.map(({ stream }) => stream))];
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  return {
    kills,
    attempted: sum(streams.map(({ published }) => published)),
    confirmed: sum(streams.map(({ confirmed }) => confirmed.size)),
    lost: sum(queues.map((queue) => lostOf(queue).length)),
    unexpected: sum(queues.map(({ unexpected }) => unexpected.length)),
    inversions: sum(queues.map(({ inversions }) => inversions)),
    recovered: sum(
      queues.map(
        ({ delivered, stream }) => [...delivered].filter((number) => !stream.confirmed.has(number)).length,
      ),
    ),
    duplicates: sum(queues.map(({ duplicates }) => duplicates)),
  };
}
