import { waitFor, type TsProcess } from "@waybill/services";
import { testFolder, testProcess } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { preparedDatabase } from "./prepared-database.ts";

type Version = 1 | 2;

const { database, pool } = preparedDatabase();

/** Deploys workers of either version, one after the other, over one data directory. */
function deployment() {
  const dataDir = `${testFolder()}/broker`;
  return async (version: Version): Promise<TsProcess> => {
    const env = { DATABASE_URL: database.url, DATA_DIR: dataDir, VERSION: String(version) };
    const worker = testProcess(new URL("../src/shipment-worker.ts", import.meta.url), [], { env });
    await worker.ready();
    return worker;
  };
}

async function undeploy(worker: TsProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  worker.kill(signal);
  expect(await worker.exited, worker.output.join("\n")).toMatchObject(
    signal === "SIGTERM" ? { code: 0 } : { signal },
  );
}

/** A producer process of a version packs shipments `from` to `to` of an order. */
async function pack(version: Version, order: string, from: number, to: number): Promise<void> {
  const env = {
    DATABASE_URL: database.url,
    VERSION: String(version),
    ORDER: order,
    FROM: String(from),
    TO: String(to),
  };
  const producer = testProcess(new URL("../src/shipment-producer-process.ts", import.meta.url), [], { env });
  expect(await producer.exited, producer.output.join("\n")).toMatchObject({ code: 0 });
}

async function effects(order: string): Promise<string[]> {
  const { rows } = await pool().query<{ text: string }>(
    "select no || ': ' || worker as text from effect where key = $1 order by id",
    [order],
  );
  return rows.map(({ text }) => text);
}

async function parked(order: string): Promise<string[]> {
  const { rows } = await pool().query<{ text: string }>(
    `select concat_ws(' ', nullif(consumer_group, ''), topic, reason, attempts) as text
    from waybill.parked where key = $1 order by topic, id`,
    [order],
  );
  return rows.map(({ text }) => text);
}

const handled = (order: string, count: number): Promise<true> =>
  waitFor(async () => (await effects(order)).length === count, {
    deadlineMs: 20_000,
    describe: `${count} effects of ${order}`,
  });

const dead = async (): Promise<number> =>
  (await pool().query("select from waybill.dead_letter")).rowCount ?? -1;

const v1 = (no: number): string => `${no}: v1 1500 g`;
const v2 = (no: number): string => `${no}: v2 1.5 kg`;

test.each(["SIGTERM", "SIGKILL"] as const)(
  "consumers first: what old producers send is lifted, over the change of the worker by %s and after it",
  async (signal) => {
    const order = `consumers-first-${signal}`;
    const deploy = deployment();
    const old = await deploy(1);
    await pack(1, order, 1, 3);
    await handled(order, 3);
    await undeploy(old, signal);
    await pack(1, order, 4, 6); // while no worker runs
    const upgraded = await deploy(2);
    await pack(1, order, 7, 9); // an old producer beside the new worker
    await pack(2, order, 10, 12);
    await handled(order, 12);
    expect(await effects(order)).toEqual([1, 2, 3].map(v1).concat([4, 5, 6, 7, 8, 9, 10, 11, 12].map(v2)));
    await handled(`rated ${order}`, 3);
    await undeploy(upgraded, "SIGTERM");
    expect(await parked(order)).toEqual([]);
    expect(await dead()).toBe(0);
  },
);

test.each(["SIGTERM", "SIGKILL"] as const)(
  "producers first: newer versions wait without using up attempts, in order and alone, until the worker is changed by %s",
  async (signal) => {
    const order = `producers-first-${signal}`;
    const deploy = deployment();
    const old = await deploy(1);
    await pack(1, order, 1, 2);
    await pack(2, order, 3, 4);
    await pack(1, order, 5, 5); // old producers are still there; this one must not overtake
    await pack(1, `other ${order}`, 1, 2);
    await handled(`other ${order}`, 2);
    const looks = (): number =>
      old.lines.filter((line) => line["event"] === "message.parked" && line["reason"] === "unknown").length;
    await waitFor(() => looks() > 2, { deadlineMs: 20_000, describe: "it looked again" });
    await waitFor(async () => (await parked(order)).length === 5, { describe: "the messages to be parked" });
    expect(await parked(order)).toEqual([
      "freight shipment.packed unknown 0",
      "freight shipment.packed behind 0",
      "freight shipment.packed behind 0",
      expect.stringMatching(/^shipment\.rated retry \d+$/), // no group takes the new topic yet: it waits at the sender
      expect.stringMatching(/^shipment\.rated /),
    ]);
    expect(await effects(order)).toEqual([1, 2].map(v1));
    await undeploy(old, signal);

    const upgraded = await deploy(2);
    await handled(order, 5);
    expect(await effects(order)).toEqual([v1(1), v1(2), v2(3), v2(4), v2(5)]);
    await handled(`rated ${order}`, 2);
    expect(await effects(`rated ${order}`)).toEqual(["3: v2", "4: v2"]);
    await undeploy(upgraded, "SIGTERM");
    expect(await parked(order)).toEqual([]);
    expect(await dead()).toBe(0);
  },
);
