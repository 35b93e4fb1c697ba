import { WaybillError, type Broker, type Envelope, type Fence, type PublishResult } from "@waybill/core";
import type { Pool } from "pg";

export const TABLE_BROKER_TABLES = `
  create table fence (source text primary key, epoch bigint not null);
  create table published (id bigint generated always as identity, message_id uuid not null, key text, topic text not null,
    partition integer not null, sequence bigint not null, epoch bigint not null, at timestamptz not null default clock_timestamp());
`;

const FENCE = `
  insert into fence values ($1, $2)
  on conflict (source) do update set epoch = excluded.epoch where fence.epoch <= excluded.epoch
  returning epoch
`;

const PUBLISH = `
  with fenced as (select 1 from fence where source = $1 and epoch = $2 for share)
  insert into published (message_id, key, topic, partition, sequence, epoch)
  select m.message_id, m.key, m.topic, m.partition, m.sequence, $2 from fenced,
    unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::bigint[]) as m (message_id, key, topic, partition, sequence)
  returning 1
`;

/**
 * A broker that several processes can publish to before there is a server: a table records every publish, with the
 * epoch it came under. It fences like a real one and delivers nothing; it exists to watch relays compete.
 */
export function tableBroker(pool: Pool): Broker {
  return {
    name: "table",
    features: {
      orderedByKey: true,
      fencing: true,
      prefixAcceptance: true,
      deduplicates: false,
      durable: true,
      payloadBytesMax: 1_000_000,
    },
    open: () => Promise.resolve(),
    declare: () => Promise.resolve(),
    declareGroup: () => Promise.resolve(),
    fence: async ({ source, epoch }: Fence) => {
      const { rowCount } = await pool.query(FENCE, [source, epoch]);
      if (rowCount !== 1) throw stale(epoch);
    },
    publish: async (batch, { fence }) => {
      const columns = [
        batch.map(({ id }) => id),
        batch.map(({ key }) => key),
        batch.map(({ topic }) => topic),
        batch.map(({ partition }) => partition),
        batch.map(({ position }) => position?.sequence),
      ];
      const { rowCount } = await pool.query(PUBLISH, [fence?.source, fence?.epoch, ...columns]);
      const result: PublishResult =
        rowCount === batch.length
          ? { kind: "confirmed" }
          : { kind: "rejected", retryable: false, error: stale(fence?.epoch ?? 0) };
      return batch.map((_message: Envelope) => result);
    },
    subscribe: () => Promise.reject(new Error("the table broker delivers nothing")),
    health: () => Promise.resolve({ status: "up", detail: "" }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function stale(epoch: number): WaybillError {
  return new WaybillError("BROKER_FENCED", `epoch ${epoch} is fenced off`);
}
