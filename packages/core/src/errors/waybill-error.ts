import type { ErrorCode } from "./error-codes.ts";
import { RETRYABLE_CODES } from "./error-codes.ts";

/** Every error that Waybill throws. `code` is closed and documented in `docs/errors.md`; the message says what to do. */
export class WaybillError extends Error {
  override readonly name = "WaybillError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
  }

  /** `true` when the same call may succeed later without anybody changing anything. */
  get retryable(): boolean {
    return RETRYABLE_CODES.has(this.code);
  }
}

/** Whether `error` is a Waybill error, and of this code if one is given. Works across copies of the package. */
export function isWaybillError(error: unknown, code?: ErrorCode): error is WaybillError {
  return (
    error instanceof Error &&
    error.name === "WaybillError" &&
    "code" in error &&
    (code === undefined || error.code === code)
  );
}
