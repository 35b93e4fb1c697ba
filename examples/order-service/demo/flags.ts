import { parseArgs } from "node:util";
import { BROKER_KINDS, type BrokerKind } from "./broker/broker-kinds.ts";

export const SABOTAGES = ["lose", "orphan", "double", "swap"] as const;
export type Sabotage = (typeof SABOTAGES)[number];

export interface DemoOptions {
  /** Orders that clients try to place, those that are rolled back included. */
  readonly orders: number;
  /** How often a worker is killed meanwhile. */
  readonly kills: number;
  readonly broker: BrokerKind;
  readonly json: boolean;
  readonly sabotage: Sabotage | null;
}

export type Flags =
  | { readonly kind: "run"; readonly options: DemoOptions }
  | { readonly kind: "help" }
  | { readonly kind: "refused"; readonly why: string };

export const HELP = `Places orders over HTTP, kills workers meanwhile, and audits the database afterwards.

  npm run demo -- [options]

  --orders N        orders that clients try to place, 1 to 100,000 (default 500)
  --kills N         how often a worker is killed by SIGKILL meanwhile, 0 to 20 (default 2)
  --broker KIND     what carries the messages (default native):
                      native    the broker that ships with Waybill, inside the only worker
                      rabbitmq  two workers on RabbitMQ; its server is killed once, too
                      kafka     two workers on Apache Kafka; its server is killed once, too
  --json            print the result as one JSON object in the last line
  --sabotage KIND   tamper behind Waybill's back; the audit must notice and the exit code be 1:
                      lose     delete a committed message before it is published
                      orphan   forge a message of an order that was never committed
                      double   charge an order a second time
                      swap     exchange two messages of one customer
  --help            print this

DATABASE_URL names a PostgreSQL server to use instead of an own one; the demo makes a database of its own
in it and drops it afterwards. RABBITMQ_URL and KAFKA_BROKERS do the same for the brokers: names are the demo's
own and are removed, and the server is not killed. Without them the demo starts servers of its own, which
scripts/install-debian-parts.sh installs. --sabotage works on the native broker. Exit code: 0 all is well, 1 something is wrong, 2 wrong options, 130 interrupted.
`;

/** Below this the kills leave too few orders between them to tamper with. */
const SABOTAGE_ORDERS_MIN = 40;

/** Reads the command line; what it does not know is refused, not ignored. */
export function parseFlags(args: readonly string[]): Flags {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        orders: { type: "string", default: "500" },
        kills: { type: "string", default: "2" },
        broker: { type: "string", default: "native" },
        json: { type: "boolean", default: false },
        sabotage: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    const options: DemoOptions = {
      orders: wholeNumber("--orders", values.orders, 1, 100_000),
      kills: wholeNumber("--kills", values.kills, 0, 20),
      broker: oneOf("--broker", values.broker, BROKER_KINDS),
      json: values.json,
      sabotage: values.sabotage === undefined ? null : oneOf("--sabotage", values.sabotage, SABOTAGES),
    };
    if (options.sabotage !== null) checkSabotage(options);
    return { kind: "run", options };
  } catch (error) {
    return { kind: "refused", why: error instanceof Error ? error.message : String(error) };
  }
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new Error(`${flag} ${text}: expected a whole number from ${min} to ${max}`);
}

function oneOf<T extends string>(flag: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  throw new Error(`${flag} ${text}: expected one of ${known.join(", ")}`);
}

function checkSabotage({ orders, kills, broker }: DemoOptions): void {
  if (broker !== "native")
    throw new Error("--sabotage needs --broker native: elsewhere a worker is always there");
  if (kills < 1) throw new Error("--sabotage needs --kills 1 or more: it tampers while the worker is down");
  if (orders < SABOTAGE_ORDERS_MIN * (kills + 1)) {
    throw new Error(
      `--sabotage with --kills ${kills} needs --orders ${SABOTAGE_ORDERS_MIN * (kills + 1)} or more`,
    );
  }
}
