/** The first bytes that a client sends: `AMQP`, 0, and the version 0-9-1. */
export const PROTOCOL_HEADER: Uint8Array = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1);

/** What the first byte of a frame says. */
export const FrameType = { method: 1, header: 2, body: 3, heartbeat: 8 } as const;

export const FRAME_END = 0xce;
/** Type, channel and size before the payload of a frame. */
export const FRAME_START_BYTES = 7;
/** What a frame takes beyond its payload. */
export const FRAME_OVERHEAD_BYTES: number = FRAME_START_BYTES + 1;
/** A limit on frames may not be smaller; everything before `connection.tune-ok` must fit into it. */
export const FRAME_MIN_BYTES = 4_096;

/** A whole heartbeat frame. */
export const HEARTBEAT: Uint8Array = Uint8Array.of(FrameType.heartbeat, 0, 0, 0, 0, 0, 0, FRAME_END);
