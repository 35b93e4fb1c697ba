import type { DeadLetter, DeadLetterFilter, FailureGroup } from "../../ports/dead-letter-store.ts";

export function matches(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  const { id, group, topic, fingerprint, states, answered } = filter;
  return (
    (id === undefined || id === letter.deadLetterId) &&
    (group === undefined || group === letter.group) &&
    (topic === undefined || topic === letter.envelope.topic) &&
    (fingerprint === undefined || fingerprint === letter.fingerprint) &&
    (states === undefined || states.includes(letter.state)) &&
    (answered === undefined || answered === letter.answered)
  );
}

/** Key by key, within a key history by history (the oldest first) in the order of positions, else of sending. */
export function inSendOrder<L extends DeadLetter>(letters: readonly L[]): L[] {
  const begins = new Map<string, number>();
  for (const letter of letters) {
    const history = historyOf(letter);
    begins.set(history, Math.min(letter.envelope.createdAt, begins.get(history) ?? Number.POSITIVE_INFINITY));
  }
  return letters.toSorted(
    (a, b) =>
      compare(laneOf(a), laneOf(b)) ||
      (begins.get(historyOf(a)) ?? 0) - (begins.get(historyOf(b)) ?? 0) ||
      (a.envelope.position?.sequence ?? 0) - (b.envelope.position?.sequence ?? 0) ||
      a.envelope.createdAt - b.envelope.createdAt ||
      compare(a.envelope.id, b.envelope.id),
  );
}

/** Letters by fingerprint, the most frequent first. `newest` begins with the newest. */
export function groupFailures(newest: readonly DeadLetter[]): FailureGroup[] {
  const groups = new Map<string, FailureGroup>();
  for (const letter of newest) {
    const { fingerprint, group, envelope, failingSince, diedAt } = letter;
    const known = groups.get(fingerprint);
    groups.set(fingerprint, {
      fingerprint,
      group,
      topic: envelope.topic,
      count: (known?.count ?? 0) + 1,
      failingSince: Math.min(failingSince, known?.failingSince ?? failingSince),
      lastDiedAt: Math.max(diedAt, known?.lastDiedAt ?? diedAt),
      example: known?.example ?? exampleOf(letter),
    });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || compare(a.fingerprint, b.fingerprint));
}

function exampleOf({ deadLetterId, envelope, reason, error }: DeadLetter): FailureGroup["example"] {
  return { deadLetterId, messageId: envelope.id, key: envelope.key, reason, error };
}

function laneOf({ group, envelope }: DeadLetter): string {
  return JSON.stringify([group, envelope.topic, envelope.key]);
}

function historyOf(letter: DeadLetter): string {
  return `${letter.envelope.position?.incarnation ?? ""} ${laneOf(letter)}`;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
