/*
 * What the queue engine stores, next to the kinds of the embedded broker (1–15). Every record begins with
 *
 *      0      1         2
 *      +------+---------+----
 *      | kind | version | …
 *      +------+---------+----
 */
export const KIND = {
  content: 16,
  topology: 17,
  acks: 18,
  horizon: 19,
  returns: 20,
  copy: 21,
  snapshot: 22,
  positions: 23,
} as const;

export const VERSION = 1;

/** Of a message that has a position; one without is written as before. */
export const VERSION_WITH_POSITION = 2;

/** Whether this version of Waybill can read the record. */
export function isReadable(data: Buffer): boolean {
  const version = data[1];
  return version === VERSION || (data[0] === KIND.content && version === VERSION_WITH_POSITION);
}
