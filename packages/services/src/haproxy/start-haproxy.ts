import { controlOf, type NodeControl } from "../process/server-node.ts";
import { servicePorts } from "../process/service-ports.ts";
import { startKept } from "../process/start-kept.ts";
import { whyNoHaproxy } from "./haproxy-binary.ts";
import { haproxyNode, type HaproxySpec } from "./haproxy-node.ts";

export interface StartHaproxyOptions {
  /** Ports of the loopback interface; new connections go to them in turn. */
  readonly backends: readonly number[];
  /** When a backend counts as alive: when it takes a connection, or greets as AMQP. Default "tcp". */
  readonly check?: HaproxySpec["check"];
  /** Makes the text of another `haproxy.cfg`, which listens on `port` of 127.0.0.1. */
  readonly configuration?: HaproxyConfiguration;
}

export type HaproxyConfiguration = (ports: {
  readonly port: number;
  readonly backends: readonly number[];
}) => string;

export interface Haproxy extends NodeControl, AsyncDisposable {
  /** On the loopback interface. */
  readonly port: number;
  readonly pids: readonly number[];
  /** Its log: which backend went down and came back, and when. */
  readonly output: string;
  /** Ends it at once with its connections and removes its files. Can be called twice. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A real HAProxy before some ports, on a free loopback port. It looks at each backend every half second and closes the
 * connections to one that fails twice. Gone after it is disposed and after the end of this process, like the others.
 */
export function startHaproxy(options: StartHaproxyOptions): Promise<Haproxy> {
  return startKept("waybill-haproxy", whyNoHaproxy(), async (kept) => {
    const [port = 0] = await servicePorts(1);
    const { backends, check = "tcp" } = options;
    const text = options.configuration && { configuration: options.configuration({ port, backends }) };
    const node = haproxyNode({ folder: kept.path, port, backends, check, ...text });
    await node.start();
    return {
      port,
      ...controlOf(node),
      get pids() {
        return node.pids;
      },
      get output() {
        return node.output;
      },
      [Symbol.asyncDispose]: () => kept.remove(),
    };
  });
}
