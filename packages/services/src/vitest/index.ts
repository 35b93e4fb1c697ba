export { testDatabase } from "./test-database.ts";
export type { TestDatabase, TestDatabaseOptions } from "./test-database.ts";
export { testFolder } from "./test-folder.ts";
export { testProcess } from "./test-process.ts";
