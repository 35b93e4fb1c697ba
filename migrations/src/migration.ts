/** What a migration may put into its statements: everything is validated and quoted. */
export interface MigrationContext {
  /** The schema as a quoted identifier. */
  readonly schema: string;
  /** The schema's name as a quoted literal, for what is looked up by name. */
  readonly schemaName: string;
  /** The source as a quoted literal. */
  readonly source: string;
  readonly partitions: number;
  /** How long the outbox writes to one leaf before it goes on to the next. */
  readonly leafSeconds: number;
}

/** One step of the schema, up and down, as single statements. Never changed once it is published. */
export interface Migration {
  /** Sorts in the order of application; recorded in `waybill_migrations`. */
  readonly name: string;
  readonly up: (context: MigrationContext) => readonly string[];
  readonly down: (context: MigrationContext) => readonly string[];
}
