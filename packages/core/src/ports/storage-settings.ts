/** What a source fixed when its schema was created. */
export interface StorageSettings {
  readonly source: string;
  readonly partitions: number;
}
