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
} as const;

export const VERSION = 1;
