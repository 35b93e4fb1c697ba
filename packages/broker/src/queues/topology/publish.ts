import { decodeProperties, readProperty } from "@waybill/amqp";
import type { FieldTable, Publication, PublishVerdict } from "../contract.ts";
import type { Queue } from "../queue/queue.ts";
import type { TakenPosition } from "../positions/taken-position.ts";
import { Content } from "../records/content-record.ts";
import { RefusalError } from "../refusal.ts";
import { takeCopies } from "../routing/carbon-copies.ts";
import type { Exchange } from "../routing/exchange.ts";
import type { Router } from "../routing/router.ts";
import type { HostBytes } from "./host-bytes.ts";
import type { HostServices } from "./host-services.ts";

const EXPIRATION_FLAG = 0x01;
/** About as long as RabbitMQ's plugin takes. */
const DELAY_MAX_MS = 2 ** 32 - 1;

/**
 * Routes a message that a client published and gathers it for the next flush, unless it is a copy of a stored one.
 *
 * @throws Refusal 406
 */
export function publish(
  host: {
    readonly name: string;
    readonly router: Router;
    readonly services: HostServices;
    readonly bytes: HostBytes;
  },
  exchange: Exchange,
  publication: Publication,
  position: TakenPosition | null,
): PublishVerdict {
  const { services } = host;
  const { routingKey, body } = publication;
  checkExpiration(publication.properties);
  const { keys, properties } = takeCopies(publication.properties);
  const headers = (): FieldTable => decodeProperties(properties).headers ?? {};
  const fields = {
    exchange: publication.exchange,
    routingKey,
    properties,
    body,
    isTransient: readProperty(properties, "deliveryMode") !== 2,
    publishedAt: services.now(),
    movedFrom: null,
  };
  const delayMs = exchange.isDelayed ? delayOf(headers()) : 0;
  if (delayMs > 0) {
    const dueAt = fields.publishedAt + delayMs;
    const content = new Content({ ...fields, queueIds: [], delayed: { dueAt, virtualHost: host.name } });
    if (!fits(host, content)) return "refused";
    services.delay(content, dueAt);
    return "routed";
  }
  const queues = routeAll(
    host.router,
    exchange,
    keys.length === 0 ? [routingKey] : [routingKey, ...keys],
    headers,
  );
  if (queues.length === 0) return "unroutable";
  if (position?.isCopy === true) return "routed";
  const open = withRoom(queues);
  // What one queue had no room for comes again, for that queue.
  const taken = open === queues ? position : null;
  const queueIds = open.map(({ id }) => id);
  const content = new Content({ ...fields, queueIds, delayed: null, positionsId: taken?.positionsId });
  if (!fits(host, content)) return "refused";
  taken?.begin();
  if (open.length > 0) services.enqueue(content, open, taken);
  if (open === queues) return "routed";
  for (const queue of queues) {
    if (!open.includes(queue) && queue.policy.overflow === "reject-publish-dlx")
      services.refused(queue, content);
  }
  return "refused";
}

/** The queues that a message finds by several routing keys, each once. */
export function routeAll(
  router: Router,
  exchange: Exchange,
  keys: readonly string[],
  headers: () => FieldTable,
): readonly Queue[] {
  const [first = "", ...others] = keys;
  const queues = router.route(exchange, first, headers);
  if (others.length === 0) return queues;
  return [...new Set([...queues, ...others.flatMap((key) => router.route(exchange, key, headers))])];
}

function withRoom(queues: readonly Queue[]): readonly Queue[] {
  for (const { isFull } of queues) if (isFull) return queues.filter((queue) => !queue.isFull);
  return queues;
}

function fits(
  { services, bytes: held }: { readonly services: HostServices; readonly bytes: HostBytes },
  content: Content,
): boolean {
  const { messageBytesMax } = services;
  const bytes = content.properties.length + content.body.length;
  if (bytes > messageBytesMax)
    throw new RefusalError(
      406,
      `message size ${bytes} is larger than configured max size ${messageBytesMax}`,
    );
  const places = content.delayed === null ? content.queueIds.length : 1;
  return held.hasRoomFor(content.byteLength * places) && services.takes(content.byteLength);
}

function checkExpiration(properties: Buffer): void {
  if (((properties[0] ?? 0) & EXPIRATION_FLAG) === 0) return;
  const expiration = readProperty(properties, "expiration") ?? "";
  if (!/^\d{1,10}$/.test(expiration) || Number(expiration) > 2 ** 32 - 1)
    throw new RefusalError(
      406,
      `invalid expiration '${expiration}': give whole milliseconds below 2^32 as text`,
    );
}

function delayOf(headers: FieldTable): number {
  const delay = Number(headers["x-delay"] ?? 0);
  return Number.isFinite(delay) ? Math.min(DELAY_MAX_MS, Math.max(0, Math.floor(delay))) : 0;
}
