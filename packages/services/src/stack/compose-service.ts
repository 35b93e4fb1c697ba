import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { servicePorts } from "../process/service-ports.ts";
import type { Service, ServiceName } from "./service.ts";

const run = promisify(execFile);
const file = fileURLToPath(new URL("../../../../docker-compose.yml", import.meta.url));
const upTimeoutMs = 600_000;

/** Ports of the loopback interface, by the variables of docker-compose.yml. */
export interface Compose {
  readonly POSTGRES_PORT: string;
  readonly RABBITMQ_PORT: string;
  readonly RABBITMQ_MANAGEMENT_PORT: string;
  readonly KAFKA_PORT: string;
}

/** Whether Docker Compose is installed and an engine answers it. */
export function canCompose(): boolean {
  const answers = (args: string[]): boolean =>
    spawnSync("docker", args, { stdio: "ignore", timeout: 10_000 }).status === 0;
  return answers(["compose", "version"]) && answers(["info"]);
}

export async function newCompose(): Promise<Compose> {
  const [postgres, rabbitmq, management, kafka] = await servicePorts(4);
  return {
    POSTGRES_PORT: String(postgres),
    RABBITMQ_PORT: String(rabbitmq),
    RABBITMQ_MANAGEMENT_PORT: String(management),
    KAFKA_PORT: String(kafka),
  };
}

/** One service of docker-compose.yml, in a project apart from that of somebody who runs the file by hand. */
export function composeService(name: ServiceName, ports: Compose): Service {
  const compose = async (...args: string[]): Promise<string> => {
    const all = ["compose", "--file", file, "--project-name", "waybill-services", ...args];
    const options = { timeout: upTimeoutMs, env: { ...process.env, ...ports } };
    try {
      return (await run("docker", all, options)).stdout;
    } catch (error) {
      const { stderr = "" } = error as { stderr?: string };
      throw new Error(`docker compose ${args.join(" ")} failed: ${stderr.trim()}`, { cause: error });
    }
  };
  return {
    name,
    how: "by Docker Compose",
    env: envOf(name, ports),
    up: async () => void (await compose("up", "--detach", "--wait", name)),
    down: async () => void (await compose("rm", "--stop", "--force", name)),
    async status() {
      const running = (await compose("ps", "--services", "--status", "running")).split("\n");
      return [{ part: name, isUp: running.includes(name), place: `127.0.0.1:${portOf(name, ports)}` }];
    },
  };
}

function portOf(name: ServiceName, ports: Compose): string {
  return { postgres: ports.POSTGRES_PORT, rabbitmq: ports.RABBITMQ_PORT, kafka: ports.KAFKA_PORT }[name];
}

function envOf(name: ServiceName, ports: Compose): Readonly<Record<string, string>> {
  const place = `127.0.0.1:${portOf(name, ports)}`;
  switch (name) {
    case "postgres":
      return { DATABASE_URL: `postgres://postgres:waybill@${place}/postgres` };
    case "rabbitmq":
      return {
        RABBITMQ_URL: `amqp://waybill:waybill@${place}`,
        RABBITMQ_MANAGEMENT_URL: `http://waybill:waybill@127.0.0.1:${ports.RABBITMQ_MANAGEMENT_PORT}`,
      };
    case "kafka":
      return { KAFKA_BROKERS: place };
  }
}
