import type { QueueEngine } from "@waybill/broker/queues";
import type { Counters } from "../counters.ts";
import type { ServerEventListener } from "../events.ts";
import type { ResolvedServerLimits } from "../limits.ts";
import type { Admission } from "../listener/admission.ts";
import type { Authenticator } from "../users/access.ts";
import type { UnflushedBudget } from "./unflushed-budget.ts";

/** What the server lends to its connections. */
export interface ConnectionHost {
  readonly engine: QueueEngine;
  readonly authenticator: Authenticator;
  readonly limits: ResolvedServerLimits;
  readonly counters: Counters;
  readonly admission: Admission;
  readonly budget: UnflushedBudget;
  readonly version: string;
  readonly onEvent: ServerEventListener;
  /** Why publishers have to wait, or `null`. */
  readonly blockedBy: string | null;
}
