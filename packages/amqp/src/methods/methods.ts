import type { FieldTable } from "../fields/field-table.ts";

/**
 * How the argument of a method is written. `reserved …` ones are sent as zero or empty and ignored on arrival.
 * `bytes` and `text` are both AMQP's long string; `bytes` is what need not be UTF-8.
 */
interface ArgumentTypes {
  readonly octet: number;
  readonly short: number;
  readonly long: number;
  /** Beyond 2^53 the value is not exact. */
  readonly longlong: number;
  readonly bit: boolean;
  readonly shortstr: string;
  readonly bytes: Buffer;
  readonly text: string;
  readonly table: FieldTable;
}

type Reserved = "reserved short" | "reserved shortstr" | "reserved text" | "reserved bit";
export type ArgumentType = keyof ArgumentTypes | Reserved;

interface MethodSpec {
  readonly classId: number;
  readonly methodId: number;
  /** In the order of the wire. */
  readonly arguments: Readonly<Record<string, ArgumentType>>;
}

const CLOSE = { replyCode: "short", replyText: "shortstr", classId: "short", methodId: "short" } as const;
const TUNE = { channelMax: "short", frameMax: "long", heartbeat: "short" } as const;
const BINDING = { routingKey: "shortstr", nowait: "bit", arguments: "table" } as const;
const EXCHANGE_BINDING = {
  ticket: "reserved short",
  destination: "shortstr",
  source: "shortstr",
  ...BINDING,
} as const;

/** All methods of AMQP 0-9-1 with RabbitMQ's additions. */
export const METHODS = {
  "connection.start": {
    classId: 10,
    methodId: 10,
    arguments: {
      versionMajor: "octet",
      versionMinor: "octet",
      serverProperties: "table",
      mechanisms: "text",
      locales: "text",
    },
  },
  "connection.start-ok": {
    classId: 10,
    methodId: 11,
    arguments: { clientProperties: "table", mechanism: "shortstr", response: "bytes", locale: "shortstr" },
  },
  "connection.secure": { classId: 10, methodId: 20, arguments: { challenge: "bytes" } },
  "connection.secure-ok": { classId: 10, methodId: 21, arguments: { response: "bytes" } },
  "connection.tune": { classId: 10, methodId: 30, arguments: TUNE },
  "connection.tune-ok": { classId: 10, methodId: 31, arguments: TUNE },
  "connection.open": {
    classId: 10,
    methodId: 40,
    arguments: { virtualHost: "shortstr", capabilities: "reserved shortstr", insist: "reserved bit" },
  },
  "connection.open-ok": { classId: 10, methodId: 41, arguments: { knownHosts: "reserved shortstr" } },
  "connection.close": { classId: 10, methodId: 50, arguments: CLOSE },
  "connection.close-ok": { classId: 10, methodId: 51, arguments: {} },
  "connection.blocked": { classId: 10, methodId: 60, arguments: { reason: "shortstr" } },
  "connection.unblocked": { classId: 10, methodId: 61, arguments: {} },
  "connection.update-secret": {
    classId: 10,
    methodId: 70,
    arguments: { newSecret: "bytes", reason: "shortstr" },
  },
  "connection.update-secret-ok": { classId: 10, methodId: 71, arguments: {} },

  "channel.open": { classId: 20, methodId: 10, arguments: { outOfBand: "reserved shortstr" } },
  "channel.open-ok": { classId: 20, methodId: 11, arguments: { channelId: "reserved text" } },
  "channel.flow": { classId: 20, methodId: 20, arguments: { active: "bit" } },
  "channel.flow-ok": { classId: 20, methodId: 21, arguments: { active: "bit" } },
  "channel.close": { classId: 20, methodId: 40, arguments: CLOSE },
  "channel.close-ok": { classId: 20, methodId: 41, arguments: {} },

  "access.request": {
    classId: 30,
    methodId: 10,
    arguments: {
      realm: "shortstr",
      exclusive: "bit",
      passive: "bit",
      active: "bit",
      write: "bit",
      read: "bit",
    },
  },
  "access.request-ok": { classId: 30, methodId: 11, arguments: { ticket: "short" } },

  "exchange.declare": {
    classId: 40,
    methodId: 10,
    arguments: {
      ticket: "reserved short",
      exchange: "shortstr",
      type: "shortstr",
      passive: "bit",
      durable: "bit",
      autoDelete: "bit",
      internal: "bit",
      nowait: "bit",
      arguments: "table",
    },
  },
  "exchange.declare-ok": { classId: 40, methodId: 11, arguments: {} },
  "exchange.delete": {
    classId: 40,
    methodId: 20,
    arguments: { ticket: "reserved short", exchange: "shortstr", ifUnused: "bit", nowait: "bit" },
  },
  "exchange.delete-ok": { classId: 40, methodId: 21, arguments: {} },
  "exchange.bind": { classId: 40, methodId: 30, arguments: EXCHANGE_BINDING },
  "exchange.bind-ok": { classId: 40, methodId: 31, arguments: {} },
  "exchange.unbind": { classId: 40, methodId: 40, arguments: EXCHANGE_BINDING },
  "exchange.unbind-ok": { classId: 40, methodId: 51, arguments: {} },

  "queue.declare": {
    classId: 50,
    methodId: 10,
    arguments: {
      ticket: "reserved short",
      queue: "shortstr",
      passive: "bit",
      durable: "bit",
      exclusive: "bit",
      autoDelete: "bit",
      nowait: "bit",
      arguments: "table",
    },
  },
  "queue.declare-ok": {
    classId: 50,
    methodId: 11,
    arguments: { queue: "shortstr", messageCount: "long", consumerCount: "long" },
  },
  "queue.bind": {
    classId: 50,
    methodId: 20,
    arguments: { ticket: "reserved short", queue: "shortstr", exchange: "shortstr", ...BINDING },
  },
  "queue.bind-ok": { classId: 50, methodId: 21, arguments: {} },
  "queue.purge": {
    classId: 50,
    methodId: 30,
    arguments: { ticket: "reserved short", queue: "shortstr", nowait: "bit" },
  },
  "queue.purge-ok": { classId: 50, methodId: 31, arguments: { messageCount: "long" } },
  "queue.delete": {
    classId: 50,
    methodId: 40,
    arguments: {
      ticket: "reserved short",
      queue: "shortstr",
      ifUnused: "bit",
      ifEmpty: "bit",
      nowait: "bit",
    },
  },
  "queue.delete-ok": { classId: 50, methodId: 41, arguments: { messageCount: "long" } },
  "queue.unbind": {
    classId: 50,
    methodId: 50,
    arguments: {
      ticket: "reserved short",
      queue: "shortstr",
      exchange: "shortstr",
      routingKey: "shortstr",
      arguments: "table",
    },
  },
  "queue.unbind-ok": { classId: 50, methodId: 51, arguments: {} },

  "basic.qos": {
    classId: 60,
    methodId: 10,
    arguments: { prefetchSize: "long", prefetchCount: "short", global: "bit" },
  },
  "basic.qos-ok": { classId: 60, methodId: 11, arguments: {} },
  "basic.consume": {
    classId: 60,
    methodId: 20,
    arguments: {
      ticket: "reserved short",
      queue: "shortstr",
      consumerTag: "shortstr",
      noLocal: "bit",
      noAck: "bit",
      exclusive: "bit",
      nowait: "bit",
      arguments: "table",
    },
  },
  "basic.consume-ok": { classId: 60, methodId: 21, arguments: { consumerTag: "shortstr" } },
  "basic.cancel": { classId: 60, methodId: 30, arguments: { consumerTag: "shortstr", nowait: "bit" } },
  "basic.cancel-ok": { classId: 60, methodId: 31, arguments: { consumerTag: "shortstr" } },
  "basic.publish": {
    classId: 60,
    methodId: 40,
    arguments: {
      ticket: "reserved short",
      exchange: "shortstr",
      routingKey: "shortstr",
      mandatory: "bit",
      immediate: "bit",
    },
  },
  "basic.return": {
    classId: 60,
    methodId: 50,
    arguments: { replyCode: "short", replyText: "shortstr", exchange: "shortstr", routingKey: "shortstr" },
  },
  "basic.deliver": {
    classId: 60,
    methodId: 60,
    arguments: {
      consumerTag: "shortstr",
      deliveryTag: "longlong",
      redelivered: "bit",
      exchange: "shortstr",
      routingKey: "shortstr",
    },
  },
  "basic.get": {
    classId: 60,
    methodId: 70,
    arguments: { ticket: "reserved short", queue: "shortstr", noAck: "bit" },
  },
  "basic.get-ok": {
    classId: 60,
    methodId: 71,
    arguments: {
      deliveryTag: "longlong",
      redelivered: "bit",
      exchange: "shortstr",
      routingKey: "shortstr",
      messageCount: "long",
    },
  },
  "basic.get-empty": { classId: 60, methodId: 72, arguments: { clusterId: "reserved shortstr" } },
  "basic.ack": { classId: 60, methodId: 80, arguments: { deliveryTag: "longlong", multiple: "bit" } },
  "basic.reject": { classId: 60, methodId: 90, arguments: { deliveryTag: "longlong", requeue: "bit" } },
  "basic.recover-async": { classId: 60, methodId: 100, arguments: { requeue: "bit" } },
  "basic.recover": { classId: 60, methodId: 110, arguments: { requeue: "bit" } },
  "basic.recover-ok": { classId: 60, methodId: 111, arguments: {} },
  "basic.nack": {
    classId: 60,
    methodId: 120,
    arguments: { deliveryTag: "longlong", multiple: "bit", requeue: "bit" },
  },

  "confirm.select": { classId: 85, methodId: 10, arguments: { nowait: "bit" } },
  "confirm.select-ok": { classId: 85, methodId: 11, arguments: {} },

  "tx.select": { classId: 90, methodId: 10, arguments: {} },
  "tx.select-ok": { classId: 90, methodId: 11, arguments: {} },
  "tx.commit": { classId: 90, methodId: 20, arguments: {} },
  "tx.commit-ok": { classId: 90, methodId: 21, arguments: {} },
  "tx.rollback": { classId: 90, methodId: 30, arguments: {} },
  "tx.rollback-ok": { classId: 90, methodId: 31, arguments: {} },
} as const satisfies Readonly<Record<string, MethodSpec>>;

export type MethodName = keyof typeof METHODS;

type Spec<Name extends MethodName> = (typeof METHODS)[Name]["arguments"];

/** What a method carries, without what is reserved. */
export type MethodArguments<Name extends MethodName> = {
  readonly [
    Key in keyof Spec<Name> as Spec<Name>[Key] extends keyof ArgumentTypes ? Key : never
  ]: Spec<Name>[Key] extends keyof ArgumentTypes ? ArgumentTypes[Spec<Name>[Key]] : never;
};

/** A method by its name: `{ name: "basic.ack", deliveryTag: 1, multiple: false }`. */
export type Method<Name extends MethodName = MethodName> = {
  readonly [Each in Name]: { readonly name: Each } & MethodArguments<Each>;
}[Name];
