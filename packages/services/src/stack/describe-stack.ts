import { canCompose, composeService, newCompose, type Compose } from "./compose-service.ts";
import { externalService } from "./external-service.ts";
import { nativeKafka, newNativeKafka } from "./native-kafka.ts";
import { nativePostgres, newNativePostgres } from "./native-postgres.ts";
import { nativeRabbitmq, newNativeRabbitmq } from "./native-rabbitmq.ts";
import { variableOf, type Service, type ServiceName } from "./service.ts";
import type { Described, StackState } from "./stack-state.ts";

/** The service that a state tells of; undefined if it was never started. */
export function serviceOf(name: ServiceName, state: StackState): Service | undefined {
  switch (name) {
    case "postgres":
      return asService(name, state.postgres, nativePostgres);
    case "rabbitmq":
      return asService(name, state.rabbitmq, nativeRabbitmq);
    case "kafka":
      return asService(name, state.kafka, nativeKafka);
  }
}

function asService<Native>(
  name: ServiceName,
  described: Described<Native> | undefined,
  native: (spec: Native) => Service,
): Service | undefined {
  switch (described?.kind) {
    case undefined:
      return undefined;
    case "external":
      return externalService(name, described.value);
    case "compose":
      return composeService(name, described.spec);
    case "native":
      return native(described.spec);
  }
}

/**
 * How a service is to be started: where its variable says; as before; by Docker Compose if that can be; else natively.
 * A variable that only repeats what `env` printed means the service of before.
 */
export async function describeService(
  name: ServiceName,
  before: StackState,
  place: { readonly folder: string; readonly cluster: boolean },
  compose: () => Promise<Compose | undefined>,
): Promise<StackState> {
  const known = serviceOf(name, before);
  const value = process.env[variableOf[name]];
  if (value && value !== known?.env[variableOf[name]]) return { [name]: { kind: "external", value } };
  if (known && (before[name]?.kind !== "external" || value)) return { [name]: before[name] };
  const ports = await compose();
  if (ports) return { [name]: { kind: "compose", spec: ports } };
  return { [name]: { kind: "native", spec: await newNative(name, place.folder, place.cluster) } };
}

function newNative(name: ServiceName, folder: string, cluster: boolean): Promise<object> {
  switch (name) {
    case "postgres":
      return newNativePostgres(folder);
    case "rabbitmq":
      return newNativeRabbitmq(folder, cluster);
    case "kafka":
      return newNativeKafka(folder, cluster);
  }
}

/** The ports of Docker Compose for all services of a stack; undefined where they are to run natively. */
export function composePorts(before: StackState, native: boolean): () => Promise<Compose | undefined> {
  const known = Object.values(before).find((described) => described?.kind === "compose");
  let ports: Promise<Compose | undefined> | undefined;
  const decide = async (): Promise<Compose | undefined> => {
    if (known?.kind === "compose") return known.spec;
    return !native && canCompose() ? newCompose() : undefined;
  };
  return () => (ports ??= decide());
}
