import type { ClientBase } from "pg";
import { statement, type Statement } from "../sql/statement.ts";
import type { CheckedOut } from "./checked-out.ts";
import { flightError, fly, type Answer, type Flight } from "./flight.ts";
import { takesOwnQueries } from "./prepared.ts";
import { run, type Row, type Value } from "./run.ts";
import type { Step, TextValue } from "./wire-bytes.ts";

/** What a transaction begins with. */
export interface First {
  /** One statement that does it. */
  whole(): { readonly statement: Statement; readonly values: readonly Value[] };
  /** Cheaper ones that usually do the same. */
  readonly inParts: InParts | null;
}

/** What one statement does, as a few plain ones. */
export interface InParts {
  readonly steps: readonly Step[];
  /** The rows that the statement would have answered; `null` when it must be run after all. */
  rowsOf(answers: readonly Answer[]): readonly Row[] | null;
  /** What is to be undone before the statement is run after all; `null` when nothing was done. */
  undoing(answers: readonly Answer[]): Step | null;
}

/** Under this name an opened transaction has its savepoint. */
export const OPENED = "waybill_opened";

const BEGIN = statement("begin isolation level read committed");
const SAVEPOINT = statement(`savepoint ${OPENED}`);
const RELEASE = statement(`release savepoint ${OPENED}`);

/**
 * Begins a transaction at READ COMMITTED, runs what it begins with and sets the savepoint `OPENED`: in one round trip
 * where the client is pg's and prepares statements. Answers the rows of the one statement.
 *
 * @throws WaybillError like `run`; the transaction may be open then
 */
export async function openTransaction(
  lent: CheckedOut,
  prepare: boolean,
  first: First,
): Promise<readonly Row[]> {
  const { client } = lent;
  if (prepare && takesOwnQueries(client)) return atOnce(lent, first);
  const connection = { client, prepare, strict: false };
  await run(connection, BEGIN, []);
  const { statement: own, values } = first.whole();
  const rows = await run(connection, own, values);
  await run(connection, SAVEPOINT, []);
  return rows;
}

async function atOnce(lent: CheckedOut, first: First): Promise<readonly Row[]> {
  const { client } = lent;
  const send = (flight: Flight): void => lent.send(flight);
  try {
    const parts = first.inParts;
    if (parts === null) {
      const answers = await fly(client, [bare(BEGIN), whole(first), bare(SAVEPOINT)], send);
      return answers[1]?.rows ?? [];
    }
    const steps = [bare(BEGIN), ...parts.steps, bare(SAVEPOINT)];
    const answers = (await fly(client, steps, send)).slice(1, -1);
    return parts.rowsOf(answers) ?? (await afterAll(client, first, parts.undoing(answers)));
  } catch (error) {
    throw flightError(error);
  }
}

/** The savepoint goes, and is set again behind the statement: what it locks and records must be older. */
async function afterAll(client: ClientBase, first: First, undo: Step | null): Promise<readonly Row[]> {
  const undoing = undo === null ? [] : [undo];
  const answers = await fly(client, [bare(RELEASE), ...undoing, whole(first), bare(SAVEPOINT)]);
  return answers.at(-2)?.rows ?? [];
}

function bare(own: Statement): Step {
  return { statement: own, values: [] };
}

function whole(first: First): Step {
  const { statement: own, values } = first.whole();
  return { statement: own, values: values.map(asText) };
}

function asText(value: Value): TextValue {
  if (value === null || typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new TypeError("a first statement takes text and numbers only");
}
