import type { NodeControl } from "@waybill/services";

/** The broker of one run. Disposing it removes what the run has left on it. */
export interface DemoBroker extends AsyncDisposable {
  /** Where it is, for a person. */
  readonly where: string;
  /** Tells a worker which broker to use, and where that is. */
  readonly env: Readonly<Record<string, string>>;
  /** How many workers share it. */
  readonly workers: number;
  /** Its server, to be killed and started again; null where it has none, or where somebody else uses it too. */
  readonly server: Pick<NodeControl, "kill" | "start"> | null;
}

/** Thrown when a broker cannot be had. The message says what is missing and where to get it. */
export class BrokerMissing extends Error {
  override readonly name = "BrokerMissing";
}

/** A broker that more than one worker can use, so that one takes over when another dies. */
export const WORKERS_SHARING = 2;
