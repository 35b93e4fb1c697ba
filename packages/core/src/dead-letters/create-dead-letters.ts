import { describeError } from "../errors/describe-error.ts";
import { WaybillError } from "../errors/waybill-error.ts";
import { decodePayload, encodePayload, JSON_CONTENT } from "../message/payload.ts";
import type { Topic } from "../message/topic.ts";
import { parseOptions } from "../options/parse-options.ts";
import type { ChosenLetter, DeadLetter, DeadLetterFilter } from "../ports/dead-letter-store.ts";
import type { Storage } from "../ports/storage.ts";
import type { Acted, DeadLetterDetail, DeadLetters, DeadLetterSelection } from "./dead-letters.ts";
import {
  actSchema,
  auditSchema,
  discardSchema,
  listSchema,
  retrySchema,
  selectionSchema,
} from "./dead-letters-options.ts";

/** Letters per transaction of an act. */
const BATCH = 500;
const GROUPED_MAX = 100_000;
const AUDIT_SHOWN_MAX = 100;

export interface DeadLettersParts<Tx> {
  readonly storage: Pick<Storage<Tx>, "deadLetters" | "transaction">;
  /** Topics whose payloads can be checked and edited. */
  readonly topics?: Iterable<Topic>;
}

/** Makes the operator's side of the dead letters. */
export function createDeadLetters<Tx>({ storage, topics = [] }: DeadLettersParts<Tx>): DeadLetters {
  const store = storage.deadLetters;
  const topicOf = (name: string): Topic | undefined => [...topics].find((topic) => topic.name === name);

  /** Acts on what was chosen, in order, a batch in each transaction. */
  async function inBatches<C extends ChosenLetter>(
    chosen: readonly C[],
    act: (tx: Tx, batch: readonly C[]) => Promise<readonly number[]>,
  ): Promise<number> {
    let count = 0;
    for (let from = 0; from < chosen.length; from += BATCH) {
      const batch = chosen.slice(from, from + BATCH);
      count += (await storage.transaction((tx) => act(tx, batch))).length;
    }
    return count;
  }

  async function choose(filter: DeadLetterFilter, limit: number) {
    const { now, chosen } = await store.choose(filter, limit + 1);
    return { now, chosen: chosen.slice(0, limit), more: chosen.length > limit };
  }

  return {
    async list(options = {}) {
      const { limit, state, after, ...filter } = parseOptions("list", listSchema, options);
      const states = state === "any" ? {} : { states: [state] };
      return store.list(limit, { ...given(filter), ...states }, after);
    },
    groups: () => store.groups(GROUPED_MAX),
    async show(id) {
      const [letter] = await store.list(1, { id });
      if (letter === undefined) return null;
      return detailOf(letter, topicOf(letter.envelope.topic), await store.audit(AUDIT_SHOWN_MAX, id));
    },
    async count(selection, options = {}) {
      const parsed = parseOptions("count", retrySchema, { by: "nobody", ...options });
      const { chosen, more } = await choose(retryable(selection, parsed.answered), parsed.limit);
      return { count: chosen.length, more };
    },
    async edit(id, payload, options) {
      const act = parseOptions("edit", actSchema, options);
      const [letter] = await store.list(1, { id, states: ["dead"] });
      if (letter === undefined) throw notDead(id);
      const topic = topicOf(letter.envelope.topic);
      if (topic === undefined) throw unknownTopic(letter);
      const change = await editedPayload(letter, topic, payload);
      if (!(await storage.transaction((tx) => store.edit(tx, id, change, act)))) throw notDead(id);
    },
    async retry(selection, options) {
      const { by, reason = null, perSecond, limit, answered } = parseOptions("retry", retrySchema, options);
      const act = { by, reason, answeredToo: answered || typeof selection === "number" };
      const { now, chosen, more } = await choose(retryable(selection, answered), limit);
      const everyMs = perSecond === undefined ? 0 : 1_000 / perSecond;
      const timed = chosen.map((one, index) => ({ ...one, dueAt: Math.round(now + index * everyMs) }));
      return { count: await inBatches(timed, (tx, batch) => store.retry(tx, batch, act)), more };
    },
    async discard(selection, options): Promise<Acted> {
      const { limit, ...act } = parseOptions("discard", discardSchema, options);
      const { chosen, more } = await choose({ ...filterOf(selection), states: ["dead"] }, limit);
      return { count: await inBatches(chosen, (tx, batch) => store.discard(tx, batch, act)), more };
    },
    async audit(options = {}) {
      const { limit, id } = parseOptions("audit", auditSchema, options);
      return store.audit(limit, id);
    },
  };
}

/** What a retry takes: a letter that is named is meant as it is, others only while nobody has dealt with them. */
function retryable(selection: DeadLetterSelection, answered: boolean): DeadLetterFilter {
  const filter = filterOf(selection);
  if (filter.id !== undefined) return { ...filter, states: ["dead", "discarded"] };
  return { ...filter, states: ["dead"], ...(answered ? {} : { answered: false }) };
}

function filterOf(selection: DeadLetterSelection): DeadLetterFilter {
  const parsed = parseOptions("selection", selectionSchema, selection);
  if (typeof parsed === "number") return { id: parsed };
  return parsed === "all" ? {} : given(parsed);
}

/** Without what was left out. */
function given(filter: {
  [Name in "group" | "topic" | "fingerprint"]?: string | undefined;
}): DeadLetterFilter {
  const { group, topic, fingerprint } = filter;
  return {
    ...(group === undefined ? {} : { group }),
    ...(topic === undefined ? {} : { topic }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

async function detailOf(
  letter: DeadLetter,
  topic: Topic | undefined,
  audit: DeadLetterDetail["audit"],
): Promise<DeadLetterDetail> {
  const text = new TextDecoder().decode(letter.envelope.payload);
  return { ...letter, text, payload: jsonOf(text), schema: await schemaOf(letter, topic), audit };
}

async function schemaOf(letter: DeadLetter, topic: Topic | undefined): Promise<DeadLetterDetail["schema"]> {
  if (topic === undefined) return { kind: "unknown-topic" };
  try {
    await decodePayload(topic, letter.envelope);
    return { kind: "accepted" };
  } catch (error) {
    return { kind: "refused", why: describeError(error) };
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A new payload takes the topic's version of today, and keeps the key: that decided where the message stands. */
async function editedPayload(
  letter: DeadLetter,
  topic: Topic,
  replacement: unknown,
): Promise<{ payload: Uint8Array; contentType: string; version: number }> {
  const payload = await encodePayload(topic, replacement);
  const key = topic.keyOf(replacement);
  if (key !== letter.envelope.key) {
    throw new WaybillError(
      "PAYLOAD_INVALID",
      `edit: the key would change from ${JSON.stringify(letter.envelope.key)} to ${JSON.stringify(key)}, and with it the order. Send a new message instead.`,
    );
  }
  return { payload, contentType: JSON_CONTENT, version: topic.version };
}

function notDead(id: number): WaybillError {
  return new WaybillError(
    "NOT_DEAD",
    `edit: there is no dead letter ${id}, or it is not dead any more: it was retried or discarded.`,
  );
}

function unknownTopic({ envelope }: DeadLetter): WaybillError {
  return new WaybillError(
    "OPTIONS_INVALID",
    `edit: topic ${envelope.topic} is not known here, so the payload cannot be checked. Give it: topics: [${envelope.topic}].`,
  );
}
