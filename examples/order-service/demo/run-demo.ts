import { createDatabase, startPostgres, temporaryFolder } from "@waybill/services";
import type { Knex } from "knex";
import { join } from "node:path";
import { openDatabase } from "../src/open-database.ts";
import { audit } from "./audit/audit.ts";
import type { Answers } from "./audit/facts.ts";
import { readFacts } from "./audit/read-facts.ts";
import type { DemoOptions } from "./flags.ts";
import { KillSchedule } from "./kill-schedule.ts";
import { killWorkers } from "./kill-workers.ts";
import { placeOrders } from "./place-orders.ts";
import { planOrders, type Plan } from "./plan-orders.ts";
import { prepareShop } from "./prepare-shop.ts";
import { resultOf, type DemoResult } from "./result.ts";
import type { Screen } from "./screen.ts";
import { startServer, WorkerProcess, type ServerProcess } from "./service-processes.ts";
import { settle } from "./settle.ts";
import { unlessAborted } from "./until.ts";

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
  readonly worker: WorkerProcess;
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
  await using postgres = await startPostgres();
  signal.throwIfAborted();
  await using database = await createDatabase(postgres);
  await using pool = openPool(database.url);
  screen.say(
    `PostgreSQL is up${postgres.embedded === undefined ? " (DATABASE_URL)" : ", with data of its own"}`,
  );
  await unlessAborted(signal, prepareShop(pool.knex, plan));
  screen.say(`tables migrated; ${plan.customers.length} customers, ${plan.stock.length} articles`);

  await using worker = new WorkerProcess(database.url, join(folder.path, "broker"), onCrash);
  await using server = await startServer(database.url, onCrash);
  await unlessAborted(signal, worker.leads());
  screen.say(`HTTP service and worker are up, as processes of their own`);
  return await perform({ options, plan, knex: pool.knex, server, worker, screen, signal });
}

/** The play itself: orders, kills, silence, audit. */
async function perform(stage: Stage): Promise<DemoResult> {
  const { knex, server, worker, screen, signal } = stage;
  const [answers, takeoversMs] = await placeWhileKilling(stage);
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
  await unlessAborted(signal, Promise.all([server.stop(), worker.stop()]));
  const facts = await readFacts(knex, answers);
  screen.say("HTTP service and worker stopped; the audit reads the database");
  return resultOf({
    facts,
    findings: audit(facts),
    events: worker.events(),
    settled,
    takeoversMs,
    seconds: screen.seconds,
  });
}

/** Clients place orders, and the worker is killed meanwhile. The first failure of either ends both. */
async function placeWhileKilling(stage: Stage): Promise<[Answers, readonly number[]]> {
  const { options, plan, server, screen } = stage;
  const total = plan.orders.length;
  const failed = new AbortController();
  const signal = AbortSignal.any([stage.signal, failed.signal]);
  const schedule = new KillSchedule(total, options.kills);
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
  const killing = killWorkers({
    ...stage,
    schedule,
    answered: () => answered,
    sabotage: options.sabotage,
    signal,
  });
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
