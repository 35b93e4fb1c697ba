import type { ContentHeader, Method } from "@waybill/amqp";
import { connectionError } from "../replies/closing-error.ts";

const NOTHING: Buffer = Buffer.alloc(0);

/** A message between its method frame and its last body frame. */
export class IncomingContent {
  readonly method: Method<"basic.publish">;
  #header: ContentHeader | null = null;
  /** What has arrived of the body: one part as it came, or from the second one on memory that grows with them. */
  #arrived: Buffer = NOTHING;
  #bytes = 0;

  constructor(method: Method<"basic.publish">) {
    this.method = method;
  }

  get properties(): Buffer {
    return this.#header?.properties ?? NOTHING;
  }

  /** Bytes of the body that have arrived. */
  get bytes(): number {
    return this.#bytes;
  }

  get isWhole(): boolean {
    return this.#header !== null && this.#bytes === this.#header.bodySize;
  }

  /** The whole body. */
  get body(): Buffer {
    return this.#arrived.length === this.#bytes ? this.#arrived : this.#arrived.subarray(0, this.#bytes);
  }

  /** @throws ClosingError 505 */
  begin(header: ContentHeader): void {
    if (this.#header !== null) throw this.unexpected();
    this.#header = header;
  }

  /** @throws ClosingError 505 before the header, 501 beyond the size that it gave */
  append(part: Buffer): void {
    if (this.#header === null) throw this.unexpected();
    const before = this.#bytes;
    const bytes = before + part.length;
    if (part.length === 0) return;
    if (bytes > this.#header.bodySize)
      throw connectionError(501, `a body of more than the ${this.#header.bodySize} bytes of its header`);
    this.#bytes = bytes;
    if (before === 0) this.#arrived = part;
    else this.#add(part, before, this.#header.bodySize);
  }

  /** A list of the parts would take far more memory than they do when a client sends a byte in each. */
  #add(part: Buffer, at: number, bodySize: number): void {
    if (this.#bytes > this.#arrived.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(bodySize, Math.max(2 * at, this.#bytes)));
      this.#arrived.copy(larger, 0, 0, at);
      this.#arrived = larger;
    }
    part.copy(this.#arrived, at);
  }

  /** Another frame came than the one that must come. */
  unexpected(): Error {
    const text =
      this.#header === null
        ? "expected content header for class 60, got non content header frame instead"
        : "expected content body, got non content body frame instead";
    return connectionError(505, text);
  }
}
