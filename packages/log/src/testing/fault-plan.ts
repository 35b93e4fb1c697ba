/** The calls that can be made to fail. `create` is an `open` that makes a new file. */
export type FileOperation =
  | "makeDirectory"
  | "list"
  | "create"
  | "open"
  | "write"
  | "read"
  | "dataSync"
  | "truncate"
  | "rename"
  | "remove"
  | "syncDirectory";

/** Lets `nth` (1 is the next) call of `operation` fail, and with `sticky` all later ones too. */
export interface Fault {
  readonly operation: FileOperation;
  readonly nth: number;
  readonly error: Error;
  readonly sticky?: boolean;
  /** Only writes that it accepts are counted and fail. */
  readonly matches?: (bytes: Uint8Array, position: number) => boolean;
  /**
   * A failing write leaves this many of its bytes behind; default 0. A read with it does not fail, it answers no more than so
   * many bytes.
   */
  readonly tornBytes?: number;
}

/** An error as the operating system gives it, with its `code`. */
export function fileError(code: "EIO" | "ENOSPC" | "ENOENT" | "EEXIST", what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

/** Counts the calls of a file system and says which of them fails. */
export class FaultPlan {
  readonly calls: Map<FileOperation, number> = new Map<FileOperation, number>();
  /** Called before each call takes effect; what it throws is what the call throws. */
  beforeCall: (operation: FileOperation) => void = () => {};
  #fault: (Fault & { readonly atCall: number }) | null = null;

  /** Arms one fault; an earlier one is forgotten. */
  arm(fault: Fault | null): void {
    this.#fault =
      fault === null ? null : { ...fault, atCall: (this.calls.get(fault.operation) ?? 0) + fault.nth };
  }

  /** Counts a call, and answers the fault that meets it. */
  meet(operation: FileOperation, bytes?: Uint8Array, position = 0): Fault | null {
    this.beforeCall(operation);
    const fault = this.#fault;
    const isOther = bytes !== undefined && fault?.matches?.(bytes, position) === false;
    if (isOther) return null;
    const call = (this.calls.get(operation) ?? 0) + 1;
    this.calls.set(operation, call);
    if (fault === null || fault.operation !== operation) return null;
    return call === fault.atCall || (fault.sticky === true && call > fault.atCall) ? fault : null;
  }

  /** Counts a call. @throws the error of the fault that meets it */
  pass(operation: FileOperation): void {
    const fault = this.meet(operation);
    if (fault !== null) throw fault.error;
  }
}
