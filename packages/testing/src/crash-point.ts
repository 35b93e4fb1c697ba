/** The points of the pipeline that have a name. They are awaits of ports like all others, only easier to say. */
export const CRASH_POINTS = [
  /** A group has taken a message, nothing of the handler has run. */
  "before-handler",
  /** The handler has resolved, nothing is committed. */
  "after-handler",
  /** Everything of a message is written, the transaction is still open. */
  "before-commit",
  /** The transaction has committed, its process never learns it. */
  "after-commit",
  /** Committed, and the broker is about to be told. */
  "before-ack",
  /** The relay is about to publish. */
  "before-publish",
  /** Published, the outcome is lost. */
  "after-publish",
  /** Confirmed, and the relay is about to record it. */
  "before-settle",
  /** Recorded. */
  "after-settle",
] as const;

export type NamedCrashPoint = (typeof CRASH_POINTS)[number];

/**
 * When around an await: `before` the call reaches its port; at the `end` of the work that a transaction or savepoint
 * was given, before it is committed or kept; `after` the port did it, with the answer lost.
 */
export type CrashPhase = "before" | "end" | "after";

/** An await of a port: `storage.inbox.claim:before`, `broker.publish:after`, `transaction.query:before`. */
export type AwaitPoint = `${string}:${CrashPhase}`;

/** Where the process dies; `#2` says at the second time (without it the first). */
export type CrashPoint = NamedCrashPoint | AwaitPoint | `${NamedCrashPoint | AwaitPoint}#${number}`;

const SYNTAX = /^(?<place>[a-z-]+|[\w.]+:(?:before|end|after))(?:#(?<count>[1-9]\d*))?$/i;

/** A crash point taken apart. @throws Error when it is none */
export function parseCrashPoint(point: CrashPoint): { readonly place: string; readonly count: number } {
  const { place, count } = SYNTAX.exec(point)?.groups ?? {};
  const named = CRASH_POINTS.some((name) => name === place);
  if (place === undefined || (!named && !place.includes(":"))) {
    throw new Error(
      `crashAt: "${point}" is no crash point. Use one of ${CRASH_POINTS.join(", ")}, or an await such as ` +
        `"storage.inbox.claim:before#2" (bed.crashPoints lists those that were passed).`,
    );
  }
  return { place, count: Number(count ?? 1) };
}

/** A crash point for a person: port, method, count. */
export function describeCrashPoint(point: CrashPoint): string {
  const { place, count } = parseCrashPoint(point);
  const [call, phase] = place.split(":");
  const times = `time ${count}`;
  if (phase === undefined) return `${place} (${times})`;
  const when = {
    before: "before it was done",
    end: "its work done, not committed",
    after: "done, its answer lost",
  }[phase as CrashPhase];
  return `the await of ${call}, ${times}, ${when}`;
}
