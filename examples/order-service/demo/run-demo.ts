import { createDatabase, startPostgres, temporaryFolder } from "@waybill/services";
import type { Knex } from "knex";
import { join } from "node:path";
import { openDatabase } from "../src/open-database.ts";
import { audit } from "./audit/audit.ts";
import type { Answers } from "./audit/facts.ts";
import { readFacts } from "./audit/read-facts.ts";
import type { DemoBroker } from "./broker/demo-broker.ts";
import { openDemoBroker } from "./broker/open-demo-broker.ts";
import type { DemoOptions } from "./flags.ts";
import { KillSchedule } from "./kills/kill-schedule.ts";
import { runKills, type KillTimes } from "./kills/run-kills.ts";
import { victimsOf } from "./kills/victims.ts";
import { placeOrders } from "./place-orders.ts";
import { planOrders, type Plan } from "./plan-orders.ts";
import { prepareShop } from "./prepare-shop.ts";
import { resultOf, type DemoResult } from "./result.ts";
import type { Screen } from "./screen.ts";
import { startServer, type ServerProcess } from "./server-process.ts";
import { settle } from "./settle.ts";
import { unlessAborted } from "./until.ts";
import { Workers } from "./workers.ts";

const CLIENTS = 8;
/** A client's pause between two orders, shorter when there are many. */
const THINK_MS_MAX = 60;
const THINK_MS_TOTAL = 240_000;
const SETTLE_DEADLINE_MS = 60_000;

/** What the parts of a run share. */
interface Stage {
  readonly options: DemoOptions;
  readonly plan: Plan;
  readonly knex: Knex;
  readonly server: ServerProcess;
  readonly broker: DemoBroker;
  readonly brokerDataDir: string;
  readonly workers: Workers;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/** Runs the whole demo. Everything that it starts or writes is gone when it settles, also when it is aborted. */
export async function runDemo(
  options: DemoOptions,
  screen: Screen,
  interruption: AbortSignal,
): Promise<DemoResult> {
  const crash = new AbortController();
  const onCrash = (error: Error): void => crash.abort(error);
  const signal = AbortSignal.any([interruption, crash.signal]);
  const plan = planOrders(options.orders);
  await using folder = temporaryFolder("waybill-demo");
  const brokerDataDir = join(folder.path, "broker");
  await using broker = await openDemoBroker(options.broker, brokerDataDir);
  signal.throwIfAborted();
  await using postgres = await startPostgres();
  signal.throwIfAborted();
  await using database = await createDatabase(postgres);
  await using pool = openPool(database.url);
  screen.say(
    `PostgreSQL is up${postgres.embedded === undefined ? " (DATABASE_URL)" : ", with data of its own"}`,
  );
  screen.say(broker.where);
  await unlessAborted(signal, prepareShop(pool.knex, plan));
  screen.say(`tables migrated; ${plan.customers.length} customers, ${plan.stock.length} articles`);

  await using workers = new Workers({
    databaseUrl: database.url,
    brokerEnv: broker.env,
    count: broker.workers,
    onCrash,
  });
  await using server = await startServer(database.url, onCrash);
  await unlessAborted(signal, workers.ready());
  await workers.leads(signal);
  screen.say(
    `HTTP service and ${workers.count === 1 ? "worker" : `${workers.count} workers`} are up, as processes of their own`,
  );
  const { knex } = pool;
  return await perform({ options, plan, knex, server, broker, brokerDataDir, workers, screen, signal });
}

/** The play itself: orders, kills, silence, audit. */
async function perform(stage: Stage): Promise<DemoResult> {
  const { options, knex, server, workers, screen, signal } = stage;
  const [answers, killTimes] = await placeWhileKilling(stage);
  screen.say(`${answers.placed.length} orders placed, ${answers.rolledBack.length} rolled back`);

  let unsettledMax = 0;
  const settled = await settle(knex, {
    deadlineMs: SETTLE_DEADLINE_MS,
    signal,
    onProgress: (unsettled) => {
      unsettledMax = Math.max(unsettledMax, unsettled);
      screen.progress(unsettledMax - unsettled, unsettledMax, `${unsettled} messages under way`);
    },
  });
  screen.endProgress();
  screen.say(settled ? "all messages have settled" : "not everything settled in time");
  await unlessAborted(signal, Promise.all([server.stop(), workers.stop()]));
  const facts = await readFacts(knex, answers);
  screen.say("HTTP service and workers stopped; the audit reads the database");
  return resultOf({
    broker: options.broker,
    facts,
    findings: audit(facts),
    events: workers.events(),
    published: workers.published(),
    settled,
    ...killTimes,
    seconds: screen.seconds,
  });
}

/** Clients place orders, and workers and the broker's server are killed meanwhile. The first failure of either ends both. */
async function placeWhileKilling(stage: Stage): Promise<[Answers, KillTimes]> {
  const { options, broker, plan, server, screen } = stage;
  const total = plan.orders.length;
  const failed = new AbortController();
  const signal = AbortSignal.any([stage.signal, failed.signal]);
  const victims = victimsOf(options, broker);
  const schedule = new KillSchedule(total, victims.length);
  let answered = 0;
  const placing = placeOrders({
    address: server.address,
    orders: plan.orders,
    clients: CLIENTS,
    thinkMs: Math.min(THINK_MS_MAX, Math.floor(THINK_MS_TOTAL / total)),
    mayPlace: (index) => unlessAborted(signal, schedule.mayPlace(index)),
    onAnswer: (count) => {
      answered = count;
      screen.progress(count, total, `${count} of ${total} orders`);
    },
    signal,
  });
  const killing = runKills(victims, schedule, { ...stage, answered: () => answered, signal });
  try {
    return await Promise.all([placing, killing]);
  } finally {
    failed.abort(new Error("another part of the demo failed"));
    await Promise.allSettled([placing, killing]);
    screen.endProgress();
  }
}

function openPool(url: string): AsyncDisposable & { readonly knex: Knex } {
  const knex = openDatabase(url, 4);
  return { knex, [Symbol.asyncDispose]: () => knex.destroy() };
}
