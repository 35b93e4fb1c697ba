import type { ClientBase, Connection as Wire, Submittable } from "pg";
import { isConnectionError, statementError, unavailable } from "./driver-error.ts";
import { hasPrepared, notePrepared } from "./prepared.ts";
import type { Statement } from "../sql/statement.ts";
import type { Row } from "./run.ts";
import { executeBytes, preparingBytes, type Step } from "./wire-bytes.ts";

/** What a statement answered. */
export interface Answer {
  readonly rows: Row[];
  /** As the server says it: `INSERT 0 1`. */
  command: string;
}

/**
 * Runs statements one after another in one round trip, on a client that takes own queries. What its connection has not
 * prepared yet is prepared on the way. Each sees what was committed before it, as on a round trip of its own.
 *
 * @param send gives the flight to the client
 * @throws what the server or the connection says about the first that failed; those after it did not run
 */
export function fly(
  client: ClientBase,
  steps: readonly Step[],
  send: (flight: Flight) => void = (flight) => void client.query(flight),
): Promise<readonly Answer[]> {
  return new Promise((resolve, reject) => {
    send(
      new Flight(client, steps, (error, answers) => {
        if (error === null) resolve(answers);
        else reject(error);
      }),
    );
  });
}

/** The error of a flight that consists of Waybill's own statements, with a code. */
export function flightError(error: unknown): Error {
  return isConnectionError(error) ? unavailable(error) : statementError(error);
}

type Callback = (error: Error | null, answers: readonly Answer[]) => void;

/** What pg's client calls while the server answers. With one Sync for all, they are one query to the client. */
export class Flight implements Submittable {
  readonly #client: ClientBase;
  readonly #steps: readonly Step[];
  readonly #answers: Answer[] = [];
  #rows: Row[] = [];
  /** What is prepared on the way; known when it was written. */
  #parsed: readonly Statement[] | null = null;
  /** Not private: with a `query_timeout`, pg puts its own in front. */
  callback: Callback;

  constructor(client: ClientBase, steps: readonly Step[], callback: Callback) {
    this.#client = client;
    this.#steps = steps;
    this.callback = callback;
  }

  submit(wire: Wire): void {
    const parsed = this.#parsed ?? this.write(wire);
    if (parsed.length > 0) notePrepared(this.#client, parsed);
  }

  /** Writes it before its turn. The client, to which it is given next, takes the answers when those before have come. */
  write(wire: Wire): readonly Statement[] {
    const unknown = this.#steps.filter(({ statement }) => !hasPrepared(this.#client, statement));
    const parsed = [...new Set(unknown.map(({ statement }) => statement))];
    wire.stream.write(parsed.length === 0 ? executeBytes(this.#steps) : preparingBytes(this.#steps, parsed));
    this.#parsed = parsed;
    return parsed;
  }

  handleDataRow({ fields }: { readonly fields: Row }): void {
    this.#rows.push(fields);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#answers.push({ rows: this.#rows, command: text });
    this.#rows = [];
  }

  handleError(error: Error): void {
    this.callback(error, []);
  }

  handleReadyForQuery(): void {
    this.callback(null, this.#answers);
  }
}
