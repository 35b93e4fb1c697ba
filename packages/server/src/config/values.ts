import { z } from "zod";

/** An address to listen on. Port 0: the system chooses one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** A value as it stands in JSON, or as text of a flag or the environment. `wants` ends the sentence "give …". */
function valueOf<T>(wants: string, read: (given: unknown) => T | undefined) {
  return z.unknown().transform((given, context): T => {
    const value = read(given);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `give ${wants}` });
    return z.NEVER;
  });
}

export function text(wants: string, charactersMax = 4_096) {
  return valueOf(wants, (given) =>
    typeof given === "string" && given !== "" && given.length <= charactersMax && !given.includes("\0")
      ? given
      : undefined,
  );
}

export function oneOf<const T extends string>(choices: readonly T[]) {
  return valueOf(`one of ${choices.join(", ")}`, (given) => choices.find((choice) => choice === given));
}

export function count(min: number, max: number) {
  return valueOf(`a whole number from ${min} to ${max}`, (given) => wholeNumber(given, min, max));
}

const BYTES_OF: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** A number of bytes, or a text such as `64MiB`. */
export function bytes(min: number, max: number) {
  return valueOf(`a size such as 64MiB or 500KB, from ${min} to ${max} bytes`, (given) =>
    typeof given === "string" ? inUnits(given, BYTES_OF, min, max) : wholeNumber(given, min, max),
  );
}

/** The same, or `none`, which is Infinity. */
export function bytesOrNone(min: number, max: number) {
  return valueOf(`a size such as 10GiB, from ${min} to ${max} bytes, or "none"`, (given) => {
    if (given === "none") return Infinity;
    return typeof given === "string" ? inUnits(given, BYTES_OF, min, max) : wholeNumber(given, min, max);
  });
}

const MS_OF: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A text such as `10s`. A bare number would be read as seconds by some and as milliseconds by others. */
export function durationMs(minMs: number, maxMs: number) {
  return valueOf(`a time with its unit, such as 500ms, 10s or 2m, from ${minMs} to ${maxMs} ms`, (given) =>
    typeof given === "string" ? inUnits(given, MS_OF, minMs, maxMs) : undefined,
  );
}

const ADDRESSES_MAX = 8;

/** A list of `host:port`, or `none`. */
export function addresses() {
  const wants = `host:port, such as 127.0.0.1:5672 or [::1]:5672, several parted by commas (at most ${ADDRESSES_MAX}), or "none"`;
  return valueOf(wants, (given): readonly ListenAddress[] | undefined => {
    if (given === "none") return [];
    const found = listOf(given)?.map(addressOf);
    if (found === undefined || found.length === 0 || found.length > ADDRESSES_MAX) return undefined;
    return found.every((address) => address !== undefined) ? found : undefined;
  });
}

const NAME_BYTES_MAX = 255;

/** A list of names as AMQP can carry them. */
export function names(namesMax: number) {
  return valueOf(`1 to ${namesMax} names of at most ${NAME_BYTES_MAX} bytes, parted by commas`, (given) => {
    const found = listOf(given);
    if (found === undefined || found.length === 0 || found.length > namesMax) return undefined;
    return found.every(isName) ? [...new Set(found)] : undefined;
  });
}

function isName(name: string): boolean {
  return name !== "" && Buffer.byteLength(name) <= NAME_BYTES_MAX && !name.includes("\0");
}

function listOf(given: unknown): readonly string[] | undefined {
  if (typeof given === "string") return given.split(",").map((entry) => entry.trim());
  return Array.isArray(given) && given.every((entry) => typeof entry === "string") ? given : undefined;
}

const ADDRESS = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/;

function addressOf(given: string): ListenAddress | undefined {
  const [, ipv6, name, portText] = ADDRESS.exec(given) ?? [];
  const host = ipv6 ?? name;
  const port = Number(portText);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

function wholeNumber(given: unknown, min: number, max: number): number | undefined {
  const number = typeof given === "string" && /^\d{1,16}$/.test(given) ? Number(given) : given;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= min && number <= max
    ? number
    : undefined;
}

function inUnits(
  given: string,
  units: Readonly<Record<string, number>>,
  min: number,
  max: number,
): number | undefined {
  const [, number, unit = ""] = /^(\d{1,15}) ?([A-Za-z]{0,3})$/.exec(given.trim()) ?? [];
  const scale = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return number === undefined || scale === undefined
    ? undefined
    : wholeNumber(Number(number) * scale, min, max);
}

/** As it was given: `127.0.0.1:5672`, `[::1]:5672`. */
export function shownAddress({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
