import { acceptsConnections } from "../process/accepts-connections.ts";
import { variableOf, type PartStatus, type Service, type ServiceName } from "./service.ts";

const usualPorts = { postgres: 5432, rabbitmq: 5672, kafka: 9092 } as const;

/** A service that somebody else runs, where the variable says. */
export function externalService(name: ServiceName, value: string): Service {
  const variable = variableOf[name];
  const status = (): Promise<readonly PartStatus[]> =>
    Promise.all(
      placesOf(name, value).map(async ({ host, port }) => ({
        part: name,
        isUp: await acceptsConnections(port, host),
        place: `${host}:${port}`,
      })),
    );
  return {
    name,
    how: `set by ${variable}`,
    env: { [variable]: value },
    async up() {
      const down = (await status()).filter(({ isUp }) => !isUp);
      if (down.length === 0) return;
      const places = down.map(({ place }) => place).join(", ");
      throw new Error(
        `${variable} is set, but nobody answers at ${places}: start it there, or unset ${variable}`,
      );
    },
    down: () => Promise.resolve(),
    status,
  };
}

function placesOf(name: ServiceName, value: string): { host: string; port: number }[] {
  const urls = name === "kafka" ? value.split(",").map((broker) => `kafka://${broker.trim()}`) : [value];
  return urls.map((text) => {
    const { hostname, port } = new URL(text);
    return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? usualPorts[name] : Number(port) };
  });
}
