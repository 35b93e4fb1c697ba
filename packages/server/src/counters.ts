import type { ServerReport } from "./options.ts";

/** Counts since the start of the server; every connection adds to the same ones. */
export class Counters {
  connectionsOpened = 0;
  connectionsRefused = 0;
  channels = 0;
  messagesPublished = 0;
  messagesConfirmed = 0;
  messagesRefused = 0;
  messagesReturned = 0;
  messagesDelivered = 0;
  messagesAcked = 0;
  /** Publications that wait for the disk. */
  unflushedBytes = 0;

  report(): Omit<ServerReport, "connections" | "handshakes"> {
    const { channels, connectionsOpened, connectionsRefused, unflushedBytes } = this;
    const { messagesPublished, messagesConfirmed, messagesRefused, messagesReturned } = this;
    const { messagesDelivered, messagesAcked } = this;
    return {
      channels,
      connectionsOpened,
      connectionsRefused,
      messagesPublished,
      messagesConfirmed,
      messagesRefused,
      messagesReturned,
      messagesDelivered,
      messagesAcked,
      unflushedBytes,
    };
  }
}
