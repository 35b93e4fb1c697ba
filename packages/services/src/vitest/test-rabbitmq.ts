import { deleteVhost, makeTestVhost, withVhost } from "../rabbitmq/management-api.ts";
import { whyNoRabbitmq } from "../rabbitmq/rabbitmq-binary.ts";
import { askShared } from "./ask-shared.ts";
import type { RabbitmqFacts } from "./start-shared.ts";
import { testServer } from "./test-server.ts";

/** Can be read inside hooks and tests of the file, not while it is being loaded. */
export interface TestRabbitmq {
  /** With a virtual host of its own. */
  readonly url: string;
  /** The HTTP API, with user and password; null where it cannot be reached. */
  readonly managementUrl: string | null;
  /** Null where the HTTP API cannot be reached. */
  readonly version: string | null;
  /** The name of the virtual host; null for that of `RABBITMQ_URL`. */
  readonly vhost: string | null;
}

/**
 * An empty virtual host for the test file or `describe` block that calls it, removed after its last test, on the RabbitMQ
 * server that all test files of a run share. The first call of a run starts the server (about 7 s).
 *
 * Where it cannot be had, the tests are skipped as `needsPart` says.
 *
 * With `RABBITMQ_URL` set it is that server. Virtual hosts are made there if its management plugin answers at
 * `RABBITMQ_MANAGEMENT_URL`, or at port 15672 with the same user; otherwise all tests share the one of the URL.
 */
export function testRabbitmq(): TestRabbitmq {
  const place = testServer("rabbitmq", whyNoRabbitmq(), makePlace);
  return {
    get url() {
      return place().url;
    },
    get managementUrl() {
      return place().managementUrl;
    },
    get version() {
      return place().version;
    },
    get vhost() {
      return place().vhost;
    },
  };
}

async function makePlace(): Promise<TestRabbitmq & Partial<AsyncDisposable>> {
  const facts = await askShared<RabbitmqFacts>("rabbitmq");
  const { managementUrl } = facts;
  if (managementUrl === null) return { ...facts, vhost: null };
  const vhost = await makeTestVhost(managementUrl);
  const url = withVhost(facts.url, vhost);
  return { ...facts, url, vhost, [Symbol.asyncDispose]: () => deleteVhost(managementUrl, vhost) };
}
