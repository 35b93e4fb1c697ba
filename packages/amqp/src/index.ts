/** The first bytes that a client sends: `AMQP`, 0, and the version 0-9-1. */
export const PROTOCOL_HEADER: Uint8Array = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1);
