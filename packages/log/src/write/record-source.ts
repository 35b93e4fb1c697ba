/**
 * A record that is written straight into the commit buffer, without a copy in between. What it reads must not change
 * until the append resolved.
 */
export interface RecordSource {
  /** Bytes that `writeTo` writes, exactly. */
  readonly byteLength: number;
  writeTo(target: Buffer, at: number): void;
}

/** A record of bytes that exist already. */
export function recordOf(bytes: Uint8Array): RecordSource {
  return {
    byteLength: bytes.length,
    writeTo: (target, at) => target.set(bytes, at),
  };
}
