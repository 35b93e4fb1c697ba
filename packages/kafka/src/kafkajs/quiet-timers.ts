import { internals, type RequestQueue } from "./internals.ts";

/** When no response comes that would make room for a waiting request, look again after so long. */
const LOOK_AGAIN_MS = 10;
const MENDED = Symbol("waybill: timers mended");

/**
 * kafkajs 2.2.4 sets a timer with a negative delay after every response, which Node makes 1 ms: every idle
 * connection wakes a thousand times a second, and Node 24 warns. A timer is needed only while requests wait.
 */
export function mendTimers(): void {
  const { prototype } = internals.RequestQueue;
  if (MENDED in prototype) return;
  Object.defineProperty(prototype, MENDED, { value: true });
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    const throttledMs = this.throttledUntil - Date.now();
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledMs > 0 ? throttledMs : LOOK_AGAIN_MS,
    );
  };
}
