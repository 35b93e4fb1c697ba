/**
 * What Waybill writes beside the offset of a group, as its metadata:
 *
 *     waybill partitions=8 horizon=1042 applied=2,5-7
 *
 * `partitions` is how many the topic had when the group was declared: another number now means that keys have moved.
 * `horizon` is the first offset that the group was surely not given yet: what is below it and not applied was perhaps
 * delivered before. `applied` lists, counted from the committed offset, what was applied beyond it: messages that an
 * earlier one, still under way, keeps from being committed.
 */
export interface OffsetNote {
  readonly partitions: number;
  readonly horizon: number;
  readonly applied: readonly AppliedRange[];
}

/** From the committed offset, both ends included. */
export type AppliedRange = readonly [first: number, last: number];

const NOTE = /^waybill partitions=(\d{1,9}) horizon=(\d{1,16})(?: applied=([\d,-]+))?$/;
/** Kafka takes 4,096 bytes of metadata by default. What does not fit is delivered again after a crash. */
const APPLIED_CHARACTERS_MAX = 3_900;

export function noteText({ partitions, horizon, applied }: OffsetNote): string {
  const text = `waybill partitions=${partitions} horizon=${horizon}`;
  let ranges = "";
  for (const [first, last] of applied) {
    const range = first === last ? `${first}` : `${first}-${last}`;
    if (ranges.length + range.length + 1 > APPLIED_CHARACTERS_MAX) break;
    ranges += ranges === "" ? range : `,${range}`;
  }
  return ranges === "" ? text : `${text} applied=${ranges}`;
}

/** `null` when somebody else committed the offset. */
export function parseNote(metadata: string | null): OffsetNote | null {
  const match = NOTE.exec(metadata ?? "");
  if (match === null) return null;
  return { partitions: Number(match[1]), horizon: Number(match[2]), applied: parseRanges(match[3] ?? "") };
}

function parseRanges(text: string): AppliedRange[] {
  return text
    .split(",")
    .filter((range) => range !== "")
    .map((range): AppliedRange => {
      const [first = "", last = first] = range.split("-");
      return [Number(first), Number(last)];
    });
}
