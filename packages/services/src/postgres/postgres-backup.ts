/** A copy of a server's data directory, complete in itself. */
export interface PostgresBackup {
  readonly folder: string;
  /** Of the superuser, as it was in the server that was copied. */
  readonly password: string;
}
