import type { Broker, Envelope, PublishResult, Verdict } from "@waybill/core";
import type { Pool } from "pg";

/**
 * What the moving broker keeps: the log of one group, and to whom each partition is assigned (`*` is all others).
 * `hands_over` says what a move does with deliveries that the process before has not settled: `true` gives them to the
 * next one again, as a log with offsets does; `false` leaves them where they are, as a queue does.
 */
export const MOVING_BROKER_TABLES = `
  create table moving_log (id bigint generated always as identity, partition integer not null, envelope jsonb not null,
    given_to text, settled boolean not null default false);
  create table moving_assignment (worker text not null, hands_over boolean not null);
`;

const PUBLISH = `
  insert into moving_log (partition, envelope)
  select (m.envelope->>'partition')::int, m.envelope from unnest($1::jsonb[]) with ordinality as m (envelope, no) order by m.no
`;

const TAKE = `
  update moving_log l set given_to = $1
  from moving_assignment a
  where a.worker = $1 and not l.settled and (l.given_to is null or (a.hands_over and l.given_to <> $1))
  returning l.id::text, l.envelope
`;

interface Stored extends Omit<Envelope, "payload"> {
  readonly payload: string;
}

/** Moves everything to another process, as a rebalance does: from now on that one is given what is not settled. */
export async function movePartitions(pool: Pool, worker: string, handsOver: boolean): Promise<void> {
  await pool.query("truncate moving_assignment");
  await pool.query("insert into moving_assignment values ($1, $2)", [worker, handsOver]);
}

/**
 * A broker for two processes of one group whose partitions a test moves between them, while what the first was given
 * is still in its handler.
 */
export function movingBroker(pool: Pool, worker: string): Broker {
  return {
    name: "moving",
    features: {
      orderedByKey: true,
      fencing: false,
      prefixAcceptance: true,
      deduplicates: false,
      durable: true,
      payloadBytesMax: 1_000_000,
    },
    open: () => Promise.resolve(),
    declare: () => Promise.resolve(),
    declareGroup: () => Promise.resolve(),
    fence: () => Promise.resolve(),
    publish: async (batch) => {
      const stored = batch.map((envelope) =>
        JSON.stringify({ ...envelope, payload: Buffer.from(envelope.payload).toString("base64") }),
      );
      await pool.query(PUBLISH, [stored]);
      return batch.map((): PublishResult => ({ kind: "confirmed" }));
    },
    subscribe: (_options, onDelivery) => {
      let polling: Promise<void> = Promise.resolve();
      const settle = async (id: string, verdict: Promise<Verdict>): Promise<void> => {
        const { kind } = await verdict;
        if (kind === "ack") await pool.query("update moving_log set settled = true where id = $1", [id]);
      };
      const poll = async (): Promise<void> => {
        const { rows } = await pool.query<{ id: string; envelope: Stored }>(TAKE, [worker]);
        for (const { id, envelope } of rows.toSorted((one, other) => Number(one.id) - Number(other.id))) {
          const payload = Buffer.from(envelope.payload, "base64");
          void settle(id, onDelivery({ envelope: { ...envelope, payload }, redelivered: false }));
        }
      };
      const timer = setInterval(() => {
        polling = polling.then(poll);
      }, 10);
      return Promise.resolve({
        pause: () => undefined,
        resume: () => undefined,
        close: async () => {
          clearInterval(timer);
          await polling;
        },
      });
    },
    health: () => Promise.resolve({ status: "up", detail: "" }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
