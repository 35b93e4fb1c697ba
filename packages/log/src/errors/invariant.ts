/** Stops at a programming error before it reaches the disk, or before what came from the disk is believed. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`log invariant broken: ${message}`);
}
