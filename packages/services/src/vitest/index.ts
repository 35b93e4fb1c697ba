export { testDatabase } from "./test-database.ts";
export type { TestDatabase, TestDatabaseOptions } from "./test-database.ts";
export { testFolder } from "./test-folder.ts";
export { testKafka } from "./test-kafka.ts";
export type { TestKafka } from "./test-kafka.ts";
export { testProcess } from "./test-process.ts";
export { testRabbitmq } from "./test-rabbitmq.ts";
export type { TestRabbitmq } from "./test-rabbitmq.ts";
