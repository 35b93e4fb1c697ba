import type { ContentHeader, Method } from "@waybill/amqp";
import { connectionError } from "../replies/closing-error.ts";

const NOTHING: Buffer = Buffer.alloc(0);

/** A message between its method frame and its last body frame. */
export class IncomingContent {
  readonly method: Method<"basic.publish">;
  #header: ContentHeader | null = null;
  #parts: Buffer[] = [];
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
    if (this.#parts.length > 1) return Buffer.concat(this.#parts, this.#bytes);
    return this.#parts[0] ?? NOTHING;
  }

  /** @throws ClosingError 505 */
  begin(header: ContentHeader): void {
    if (this.#header !== null) throw this.unexpected();
    this.#header = header;
  }

  /** @throws ClosingError 505 before the header, 501 beyond the size that it gave */
  append(part: Buffer): void {
    if (this.#header === null) throw this.unexpected();
    this.#bytes += part.length;
    if (this.#bytes > this.#header.bodySize)
      throw connectionError(501, `a body of more than the ${this.#header.bodySize} bytes of its header`);
    if (part.length > 0) this.#parts.push(part);
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
