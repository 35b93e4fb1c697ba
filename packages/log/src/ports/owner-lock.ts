/** A lock on a directory, held by one process at a time and freed by the operating system when that process ends. */
export interface OwnerLock {
  release(): void;
}

/** @throws LogError `LOG_OWNED` with the pid of the owner. */
export type AcquireLock = (directory: string) => OwnerLock;

/** Who holds the lock, without taking it or changing anything; `null` if nobody does. */
export type FindOwner = (directory: string) => { readonly pid: number | null } | null;
