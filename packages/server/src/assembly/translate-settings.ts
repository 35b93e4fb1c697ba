import type { QueueEngineOptions } from "@waybill/broker/queues";
import type { Settings } from "../config/settings.ts";
import type { ServerLimits } from "../limits.ts";

const ENGINE_MESSAGE_BYTES_MAX = 128 * 1024 * 1024;

export function limitsOf(settings: Settings): ServerLimits {
  return {
    connectionsMax: settings.connectionsMax,
    connectionsPerUserMax: settings.connectionsPerUserMax,
    handshakesMax: settings.handshakesMax,
    handshakesPerAddressMax: settings.handshakesPerAddressMax,
    handshakeTimeoutMs: settings.handshakeTimeout,
    channelsMax: settings.channelsMax,
    frameBytesMax: settings.frameBytesMax,
    messageBytesMax: settings.messageBytesMax,
    // On the wire heartbeats are whole seconds, and 0 means none: half a second is not none.
    heartbeatSeconds: Math.ceil(settings.heartbeat / 1_000),
    unflushedTotalBytesMax: settings.unflushedBytesMax,
  };
}

export function engineOptionsOf(settings: Settings): Omit<QueueEngineOptions, "dataDir"> {
  // The engine counts a message's properties as well; they fit into one frame.
  const messageBytesMax = settings.messageBytesMax + settings.frameBytesMax;
  return {
    messageBytesMax: Math.min(messageBytesMax, ENGINE_MESSAGE_BYTES_MAX),
    memoryBytesMax: settings.memoryBytesMax,
    backlogAlarmBytes: settings.backlogAlarmBytes,
    queuesPerVirtualHostMax: settings.queuesPerVirtualHostMax,
    exchangesPerVirtualHostMax: settings.exchangesPerVirtualHostMax,
    bindingsPerVirtualHostMax: settings.bindingsPerVirtualHostMax,
    exclusiveQueuesPerConnectionMax: settings.exclusiveQueuesPerConnectionMax,
    bytesPerVirtualHostMax: settings.bytesPerVirtualHostMax,
  };
}
