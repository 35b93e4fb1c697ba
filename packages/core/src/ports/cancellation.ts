/**
 * What says that something is to be given up, once. Every `AbortSignal` is one; what is made for each message need not
 * be, because making and listening to a signal costs more than the rest of its bookkeeping.
 */
export interface Cancellation {
  readonly aborted: boolean;
  /** Set when `aborted` is. */
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
