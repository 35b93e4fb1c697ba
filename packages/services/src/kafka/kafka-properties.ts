import type { KafkaNodeSpec } from "./kafka-specs.ts";

/** The configuration file of a broker. With three brokers or more, what is acknowledged is on two of them. */
export function kafkaProperties(spec: KafkaNodeSpec, data: string): string {
  const { id, port, voters } = spec;
  const controllerPort = voters.find((voter) => voter.id === id)?.port;
  const replicas = Math.min(3, voters.length);
  const inSync = Math.max(1, replicas - 1);
  const client = `PLAINTEXT://127.0.0.1:${port}`;
  const settings = {
    "process.roles": "broker,controller",
    "node.id": id,
    "controller.quorum.voters": voters.map((voter) => `${voter.id}@127.0.0.1:${voter.port}`).join(","),
    listeners: `${client},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": client,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,
    "auto.create.topics.enable": false,
    "default.replication.factor": replicas,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": replicas,
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": inSync,
    // Their default is 50 partitions, each with files that are made at the first use.
    "offsets.topic.num.partitions": 3,
    "transaction.state.log.num.partitions": 3,
    "group.initial.rebalance.delay.ms": 0,
    // Tests do not wait: a member or a broker that is gone is noticed soon.
    "group.min.session.timeout.ms": 1000,
    "broker.session.timeout.ms": 3000, // A killed broker that comes back waits for the end of its old session.
    "broker.heartbeat.interval.ms": 500,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
