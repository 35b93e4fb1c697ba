/** A header frame's payload: class 60, weight 0, the size of the body, no properties. */
export function header(bodyBytes: number, classId = 60): Buffer {
  const bytes = Buffer.alloc(14);
  bytes.writeUInt16BE(classId, 0);
  bytes.writeUInt32BE(bodyBytes, 8);
  return bytes;
}

/** A whole frame, or one with another end. */
export function frame(type: number, channel: number, payload: Buffer, end = 0xce): Buffer {
  const start = Buffer.alloc(7);
  start[0] = type;
  start.writeUInt16BE(channel, 1);
  start.writeUInt32BE(payload.length, 3);
  return Buffer.concat([start, payload, Buffer.from([end])]);
}
