export { audit, flawless, LEDGER_TABLES } from "./ledger.ts";
export type { Audit } from "./ledger.ts";
export { Noted } from "./noted.ts";
export { seeded } from "./seeded.ts";
export type { Seeded } from "./seeded.ts";
export { TABLE_BROKER_TABLES, tableBroker } from "./table-broker.ts";
export { writeNote, writeNotes } from "./write-notes.ts";
export type { Writing } from "./write-notes.ts";
