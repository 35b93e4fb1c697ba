import { Pool, type ClientConfig } from "pg";

/** A pool on which a statement can be stopped before it runs. */
export interface StoppingPool {
  readonly pool: Pool;
  /** Stops the next statement that matches, on whatever connection it comes, until `go`. */
  stopBefore(match: RegExp): { readonly reached: Promise<void>; readonly go: () => void };
}

interface Stop {
  readonly match: RegExp;
  readonly reached: () => void;
  readonly gone: Promise<void>;
}

/** For races that must come out the same way every time: the test decides what happens between two statements. */
export function stoppingPool(config: ClientConfig): StoppingPool {
  const stops = new Set<Stop>();
  const pass = async (text: string): Promise<void> => {
    for (const stop of stops) {
      if (!stop.match.test(text)) continue;
      stops.delete(stop);
      stop.reached();
      await stop.gone;
    }
  };
  const pool = new Pool({ ...config, max: 2 });
  pool.on("error", () => undefined);
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (config: unknown) => Promise<unknown>;
    Object.assign(client, {
      query: async (statement: string | { readonly text: string }) => {
        await pass(typeof statement === "string" ? statement : statement.text);
        return query(statement);
      },
    });
  });
  return {
    pool,
    stopBefore(match) {
      const reached = Promise.withResolvers<void>();
      const gone = Promise.withResolvers<void>();
      stops.add({ match, reached: reached.resolve, gone: gone.promise });
      return { reached: reached.promise, go: gone.resolve };
    },
  };
}
