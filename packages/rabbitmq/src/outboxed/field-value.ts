/** A value of AMQP's field tables as JSON: text, truth values, null and plain numbers as they are, the rest tagged. */
export type FieldJson =
  | string
  | number
  | boolean
  | null
  | readonly ["number" | "bigint" | "bytes", string]
  | readonly ["list", readonly FieldJson[]]
  | readonly ["table", readonly (readonly [string, FieldJson])[]]
  | readonly ["typed", string, FieldJson];

/**
 * A value that amqplib can encode, so that `fieldOf` makes one of it that is encoded the same. Like amqplib it takes
 * inherited names of a table, and leaves out what is `undefined`.
 *
 * @throws TypeError for what amqplib cannot encode either
 */
export function fieldToJson(value: unknown): FieldJson {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number")
    return Number.isFinite(value) && !Object.is(value, -0) ? value : ["number", numberText(value)];
  if (typeof value === "bigint") return ["bigint", String(value)];
  if (Buffer.isBuffer(value)) return ["bytes", value.toString("base64")];
  if (Array.isArray(value)) return ["list", value.map((one: unknown) => fieldToJson(one))];
  if (typeof value !== "object") throw new TypeError(`Unknown type to encode: ${typeof value}`);
  if (isTyped(value)) return ["typed", String(value["!"]), fieldToJson(value.value)];
  return tableToJson(value);
}

/** A header table, in which `!` is a name like others. */
export function tableToJson(table: object): FieldJson {
  const entries: (readonly [string, FieldJson])[] = [];
  for (const name in table) {
    const value = (table as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined) entries.push([name, fieldToJson(value)]);
  }
  return ["table", entries];
}

/** The inverse of `fieldToJson` and `tableToJson`. */
export function fieldOf(json: FieldJson): unknown {
  if (typeof json !== "object" || json === null) return json;
  switch (json[0]) {
    case "number":
      return Number(json[1]);
    case "bigint":
      return BigInt(json[1]);
    case "bytes":
      return Buffer.from(json[1], "base64");
    case "list":
      return json[1].map((one) => fieldOf(one));
    case "table":
      return Object.fromEntries(json[1].map(([name, value]) => [name, fieldOf(value)]));
    case "typed":
      return { "!": json[1], value: fieldOf(json[2]) };
  }
}

/** amqplib's way of naming the type of a value. */
function isTyped(value: object): value is { readonly "!": unknown; readonly value: unknown } {
  return Object.hasOwn(value, "!");
}

function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
