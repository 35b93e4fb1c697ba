export { CERTIFICATE, CLIENT_CERTIFICATE, OTHER_CERTIFICATE, PRIVATE_KEY } from "./certificate.ts";
export { whyNoHaproxy } from "./haproxy/haproxy-binary.ts";
export { startHaproxy } from "./haproxy/start-haproxy.ts";
export type { Haproxy, HaproxyConfiguration, StartHaproxyOptions } from "./haproxy/start-haproxy.ts";
export { whyNoKafka } from "./kafka/kafka-binary.ts";
export { KAFKA_ADMIN } from "./kafka/kafka-specs.ts";
export { startKafka } from "./kafka/start-kafka.ts";
export type { KafkaServer, StartKafkaOptions } from "./kafka/start-kafka.ts";
export { startKafkaCluster } from "./kafka/start-kafka-cluster.ts";
export type {
  KafkaCluster,
  KafkaClusterNode,
  KafkaPlace,
  StartKafkaClusterOptions,
} from "./kafka/start-kafka-cluster.ts";
export { whyNoPgBouncer } from "./pgbouncer/pgbouncer-binary.ts";
export { startPgBouncer } from "./pgbouncer/start-pgbouncer.ts";
export type { PgBouncer, StartPgBouncerOptions } from "./pgbouncer/start-pgbouncer.ts";
export { backUpPostgres } from "./postgres/back-up-postgres.ts";
export type { PostgresBackup } from "./postgres/postgres-backup.ts";
export { createDatabase } from "./postgres/create-database.ts";
export type { CreateDatabaseOptions, Database } from "./postgres/create-database.ts";
export { startPostgres } from "./postgres/start-postgres.ts";
export type { PostgresServer, StartPostgresOptions } from "./postgres/start-postgres.ts";
export type { StopMode } from "./postgres/supervisor-protocol.ts";
export { atProcessEnd } from "./process/at-process-end.ts";
export { freePort } from "./process/free-port.ts";
export { isRunning } from "./process/is-running.ts";
export { smallDisk, whyNoSmallDisk } from "./process/small-disk.ts";
export type { SmallDisk } from "./process/small-disk.ts";
export { spawnTs } from "./process/spawn-ts.ts";
export type { JsonLine, ProcessExit, SpawnTsOptions, TsProcess } from "./process/spawn-ts.ts";
export { straceCommand, whyNoStrace } from "./process/strace.ts";
export type { InjectedFault } from "./process/strace.ts";
export { temporaryFolder } from "./process/temporary-folder.ts";
export type { TemporaryFolder } from "./process/temporary-folder.ts";
export { waitFor } from "./process/wait-for.ts";
export type { WaitForOptions } from "./process/wait-for.ts";
export type { NodeControl } from "./process/server-node.ts";
export { whyNoRabbitmq } from "./rabbitmq/rabbitmq-binary.ts";
export { startRabbitmq } from "./rabbitmq/start-rabbitmq.ts";
export type { RabbitmqServer, StartRabbitmqOptions } from "./rabbitmq/start-rabbitmq.ts";
export type { RabbitmqRights } from "./rabbitmq/rabbitmq-users.ts";
export { startRabbitmqCluster } from "./rabbitmq/start-rabbitmq-cluster.ts";
export type {
  RabbitmqCluster,
  RabbitmqClusterNode,
  StartRabbitmqClusterOptions,
} from "./rabbitmq/start-rabbitmq-cluster.ts";
export { startRabbitmqPair } from "./rabbitmq/start-rabbitmq-pair.ts";
export type {
  RabbitmqMachine,
  RabbitmqPair,
  StartRabbitmqPairOptions,
} from "./rabbitmq/start-rabbitmq-pair.ts";
export { requirePart } from "./require-part.ts";
export { seededRandom } from "./seeded-random.ts";
