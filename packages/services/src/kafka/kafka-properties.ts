import { CERTIFICATE, PRIVATE_KEY } from "../certificate.ts";
import { KAFKA_ADMIN, type KafkaNodeSpec } from "./kafka-specs.ts";

/** The configuration file of a broker. With three brokers or more, what is acknowledged is on two of them. */
export function kafkaProperties(spec: KafkaNodeSpec, data: string): string {
  const { id, port, voters } = spec;
  const controllerPort = voters.find((voter) => voter.id === id)?.port;
  const replicas = Math.min(3, voters.length);
  const inSync = Math.max(1, replicas - 1);
  const client = `${spec.users === undefined ? "PLAINTEXT" : "SASL_SSL"}://127.0.0.1:${port}`;
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
    ...(spec.users === undefined ? {} : guarded(spec.users)),
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/** TLS, passwords, and nothing for anybody that is not granted. The broker is a client of itself too. */
function guarded(users: Readonly<Record<string, string>>): Record<string, string> {
  const { username, password } = KAFKA_ADMIN;
  const known = Object.entries({ ...users, [username]: password });
  const passwords = known.map(([name, secret]) => `user_${name}="${secret}"`).join(" ");
  const module = "org.apache.kafka.common.security.plain.PlainLoginModule";
  return {
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
    "security.inter.broker.protocol": "SASL_SSL",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.sasl_ssl.plain.sasl.jaas.config": `${module} required username="${username}" password="${password}" ${passwords};`,
    "ssl.keystore.type": "PEM",
    "ssl.keystore.certificate.chain": oneLine(CERTIFICATE),
    "ssl.keystore.key": oneLine(PRIVATE_KEY),
    "ssl.truststore.type": "PEM",
    "ssl.truststore.certificates": oneLine(CERTIFICATE),
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": `User:${username};User:ANONYMOUS`, // Nobody has a name on the controllers' own listener.
  };
}

function oneLine(pem: string): string {
  return pem.trim().replaceAll("\n", "\\n");
}
