/**
 * Time as Waybill sees it. Due times, leases and expiry are decided by the clock of the database, never by this
 * one; it only paces loops and labels what is shown. A simulator replaces it.
 */
export interface Clock {
  /** Wall clock in milliseconds since the Unix epoch. May jump. */
  now(): number;
  /** Milliseconds that never go backwards, from an arbitrary origin. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once (without an error) when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Runs `action` once after `ms` unless the answer is called first. */
  after(ms: number, action: () => void): () => void;
}
