import { Decimal, METHODS, Timestamp, type FieldTable, type Method, type MethodName } from "@waybill/amqp";
import * as fc from "fast-check";

/** Texts of which the longest takes fewer than 256 bytes. */
export const shortText: fc.Arbitrary<string> = fc.string({ unit: "grapheme", maxLength: 20 });

const bytes: fc.Arbitrary<Buffer> = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
/** No UTF-8 begins with this byte. */
const binary: fc.Arbitrary<Buffer> = bytes.map((some) => Buffer.concat([Buffer.of(0xff), some]));
const delivery: fc.Arbitrary<number> = fc.maxSafeNat();
const octet: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xff });
const short: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff });
const long: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff_ffff });

/** A 64-bit integer that a number does not hold. */
const beyond53: fc.Arbitrary<bigint> = fc
  .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  .filter((value) => !Number.isSafeInteger(Number(value)));

const leaf = fc.oneof(
  shortText,
  fc.integer(),
  fc.maxSafeInteger(),
  beyond53,
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  binary,
  delivery.map((seconds) => new Timestamp(seconds)),
  fc.tuple(octet, long).map(([places, digits]) => new Decimal(places, digits)),
);

const name: fc.Arbitrary<string> = fc.oneof(
  { weight: 20, arbitrary: shortText },
  { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "") },
);

const { table } = fc.letrec<{ table: FieldTable; value: FieldTable[string] }>((tie) => ({
  table: fc
    .array(fc.tuple(name, tie("value")), { maxLength: 6 })
    .map((entries) => Object.fromEntries(entries)),
  value: fc.oneof(
    { maxDepth: 3 },
    leaf,
    tie("table"),
    fc.array(tie("value") as fc.Arbitrary<Exclude<FieldTable[string], undefined>>, { maxLength: 4 }),
  ),
}));

export const anyTable: fc.Arbitrary<FieldTable> = table;

const byType: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  octet,
  short,
  long,
  longlong: delivery,
  bit: fc.boolean(),
  shortstr: shortText,
  bytes,
  text: shortText,
  table,
};

/** Any arguments of the method. */
export function anyMethodOf<Name extends MethodName>(methodName: Name): fc.Arbitrary<Method<Name>> {
  const values: Record<string, fc.Arbitrary<unknown>> = { name: fc.constant(methodName) };
  for (const [argument, type] of Object.entries(METHODS[methodName].arguments)) {
    const arbitrary = byType[type];
    if (arbitrary !== undefined) values[argument] = arbitrary;
  }
  return fc.record(values) as unknown as fc.Arbitrary<Method<Name>>;
}

export const methodNames: readonly MethodName[] = Object.keys(METHODS) as MethodName[];
export const anyMethod: fc.Arbitrary<Method> = fc.oneof(...methodNames.map((each) => anyMethodOf(each)));

const maybe = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(arbitrary, { nil: undefined });

export const anyProperties = fc
  .record({
    contentType: maybe(shortText),
    contentEncoding: maybe(shortText),
    headers: maybe(table),
    deliveryMode: maybe(octet),
    priority: maybe(octet),
    correlationId: maybe(shortText),
    replyTo: maybe(shortText),
    expiration: maybe(shortText),
    messageId: maybe(shortText),
    timestamp: maybe(delivery.map((seconds) => new Timestamp(seconds))),
    type: maybe(shortText),
    userId: maybe(shortText),
    appId: maybe(shortText),
    clusterId: maybe(shortText),
  })
  .map((properties) =>
    Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)),
  );
