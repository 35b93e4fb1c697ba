/** An open file. Positions and lengths in bytes. */
export interface LogFile {
  /** Writes all of `bytes` at `position`. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Reads up to `into.length` bytes from `position` and answers how many there were. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Resolves when everything written is on stable storage (`fdatasync`). */
  dataSync(): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** `create`: new, for writing and reading; `write`: existing, for both; `read`: existing. */
export type OpenMode = "create" | "write" | "read";

/** The file system as the log sees it. A fault-injecting one drives the tests, a simulated one the simulator. */
export interface FileSystem {
  /** Creates a directory and its parents with mode 0700; one that exists is left alone. */
  makeDirectory(path: string): Promise<void>;
  /** Names of the files in a directory, in no particular order. */
  list(path: string): Promise<readonly string[]>;
  open(path: string, mode: OpenMode): Promise<LogFile>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; one that does not exist is no error. */
  remove(path: string): Promise<void>;
  /** Makes creates, renames and removals in a directory durable (`fsync` of the directory). */
  syncDirectory(path: string): Promise<void>;
}
