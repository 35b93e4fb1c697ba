import type { EngineReport, QueueReport, VirtualHostReport } from "@waybill/broker/queues";
import type { BrokerStatus } from "./broker-status.ts";
import { fullestQueues } from "./queues-json.ts";

/** Each queue is several series, and a monitoring system keeps every series it ever saw. */
const QUEUES_MAX = 1_000;

type Kind = "counter" | "gauge";

/** What `/metrics` answers: Prometheus' text format 0.0.4. */
export function metricsText(status: BrokerStatus): string {
  const { server, engine } = status;
  const queues = fullestQueues(engine, QUEUES_MAX);
  return [
    one("waybill_broker_up", "gauge", "1 when clients can connect", status.unavailableBecause === null),
    one("waybill_broker_blocked", "gauge", "1 while publishers have to wait", engine.blockedBy !== null),
    one("waybill_broker_connections", "gauge", "connections that have logged in", server.connections),
    one("waybill_broker_handshakes", "gauge", "connections that have not logged in yet", server.handshakes),
    one("waybill_broker_channels", "gauge", "open channels", server.channels),
    one("waybill_broker_connections_opened_total", "counter", "logins", server.connectionsOpened),
    one("waybill_broker_connections_refused_total", "counter", "logins refused", server.connectionsRefused),
    one("waybill_broker_messages_published_total", "counter", "messages received", server.messagesPublished),
    one("waybill_broker_messages_confirmed_total", "counter", "publisher confirms", server.messagesConfirmed),
    one("waybill_broker_messages_refused_total", "counter", "publications nacked", server.messagesRefused),
    one("waybill_broker_messages_returned_total", "counter", "messages returned", server.messagesReturned),
    one(
      "waybill_broker_messages_delivered_total",
      "counter",
      "messages sent to clients",
      server.messagesDelivered,
    ),
    one("waybill_broker_messages_acked_total", "counter", "deliveries acknowledged", server.messagesAcked),
    one(
      "waybill_broker_unflushed_bytes",
      "gauge",
      "publications that wait for the disk",
      server.unflushedBytes,
    ),
    one("waybill_broker_log_bytes", "gauge", "size of the log on disk", engine.storedBytes),
    one("waybill_broker_log_segments", "gauge", "files of the log", engine.segmentCount),
    one(
      "waybill_broker_log_durable_offset",
      "gauge",
      "records that ever became durable",
      engine.durableOffset,
    ),
    one("waybill_broker_queues", "gauge", "queues", engine.queues.length),
    eachHost("queues", "queues", engine, (host) => host.queueCount),
    eachHost("message_bytes", "what its messages take in the log", engine, (host) => host.messageBytes),
    eachHost("blocked", "1 while publishers to it have to wait", engine, (host) =>
      Number(host.blockedBy !== null),
    ),
    each(
      "waybill_broker_queue_messages_ready",
      "messages ready to be delivered",
      queues,
      (queue) => queue.messageCount,
    ),
    each(
      "waybill_broker_queue_messages_unsettled",
      "messages with consumers",
      queues,
      (queue) => queue.unsettledCount,
    ),
    each("waybill_broker_queue_consumers", "consumers", queues, (queue) => queue.consumerCount),
    each("waybill_broker_queue_memory_bytes", "messages in memory", queues, (queue) => queue.bytesInMemory),
  ].join("");
}

function one(name: string, kind: Kind, help: string, value: number | boolean): string {
  return `${head(name, kind, help)}${name} ${Number(value)}\n`;
}

function each(
  name: string,
  help: string,
  queues: readonly QueueReport[],
  valueOf: (queue: QueueReport) => number,
): string {
  const lines = queues.map((queue) => {
    const labels = `vhost="${escaped(queue.virtualHost)}",queue="${escaped(queue.name)}"`;
    return `${name}{${labels}} ${valueOf(queue)}\n`;
  });
  return head(name, "gauge", `${help}; the ${QUEUES_MAX} fullest queues`) + lines.join("");
}

function eachHost(
  what: string,
  help: string,
  { virtualHosts }: EngineReport,
  valueOf: (host: VirtualHostReport) => number,
): string {
  const name = `waybill_broker_virtual_host_${what}`;
  const lines = virtualHosts.map((host) => `${name}{vhost="${escaped(host.name)}"} ${valueOf(host)}\n`);
  return head(name, "gauge", help) + lines.join("");
}

function head(name: string, kind: Kind, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`;
}

/** A queue may be called anything: its name must not end the label, or the line. */
function escaped(label: string): string {
  return label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
