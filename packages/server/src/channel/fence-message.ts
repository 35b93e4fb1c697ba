import { readSome, Wanted } from "@waybill/amqp";
import type { FenceMessage } from "@waybill/broker/queues";
import { channelError } from "../replies/closing-error.ts";

/** What is published here is for the server itself. No exchange can be declared by this name. */
export const FENCE_EXCHANGE = "amq.waybill.fence";

/** With what a publication of a fenced channel comes back, before its nack. */
export const REFUSALS = {
  fenced: { replyCode: 403, replyText: "FENCED - a later epoch took over" },
  held: { replyCode: 405, replyText: "HELD - an earlier message of its order was refused" },
} as const;

const SOURCE = "waybill-source";
const INCARNATION = "waybill-incarnation";
const EPOCH = "waybill-epoch";
const ANSWERED = "waybill-answered";
const WANTED = new Wanted([], [SOURCE, INCARNATION, EPOCH, ANSWERED]);
const TEXT_MAX = 255;

/**
 * Reads the fence from a message's headers, as `docs/wire.md` has them.
 *
 * @param number which publication of its channel it is
 * @throws ClosingError 406 when a header is malformed, or one of the three of a fence is missing
 */
export function readFenceMessage(exchange: string, properties: Buffer, number: number): FenceMessage {
  const { headers = {} } = readSome(properties, WANTED);
  const answered = wholeNumber(ANSWERED, headers[ANSWERED] ?? "0");
  const isBare = [SOURCE, INCARNATION, EPOCH].every((name) => headers[name] === undefined);
  if (isBare) return { exchange, fence: null, number, answered };
  const fence = {
    source: text(SOURCE, headers[SOURCE]),
    incarnation: text(INCARNATION, headers[INCARNATION]),
    epoch: wholeNumber(EPOCH, headers[EPOCH]),
  };
  return { exchange, fence, number, answered };
}

function text(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= TEXT_MAX) return value;
  throw malformed(name, `a text of 1 to ${TEXT_MAX} characters`);
}

function wholeNumber(name: string, value: unknown): number {
  const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
  throw malformed(name, "a whole number");
}

function malformed(name: string, expected: string): Error {
  return channelError(406, `the header ${name} of a fence message is not ${expected}`);
}
