import type { EngineReport } from "@waybill/broker/queues";
import type { ServerReport } from "../options.ts";

/** How the broker is, at one moment. */
export interface BrokerStatus {
  /** Why it takes nobody on (it stops, its disk failed), or `null` when it works. */
  readonly unavailableBecause: string | null;
  readonly server: ServerReport;
  readonly engine: EngineReport;
}
