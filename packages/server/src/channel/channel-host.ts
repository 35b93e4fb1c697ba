import type { ConnectionToken, VirtualHost } from "@waybill/broker/queues";
import type { ConfirmQueue } from "../connection/confirm-queue.ts";
import type { Output } from "../connection/output.ts";
import type { Counters } from "../counters.ts";
import type { ResolvedServerLimits } from "../limits.ts";
import type { Access } from "../users/access.ts";
import type { PartialBudget } from "./partial-budget.ts";

/** What a connection lends to its channels. */
export interface ChannelHost {
  readonly virtualHost: VirtualHost;
  readonly access: Access;
  readonly token: ConnectionToken;
  readonly output: Output;
  readonly confirms: ConfirmQueue;
  readonly partial: PartialBudget;
  readonly limits: ResolvedServerLimits;
  readonly counters: Counters;
  /** The client understands a `basic.cancel` from the server. */
  readonly knowsCancel: boolean;
  /** A message was published. */
  published(): void;
  /** A consumer was made, or a message was got. */
  consumes(): void;
  /** The connection cannot go on. Returns at once; it is closed later in this turn. */
  fail(error: unknown): void;
}
