import { afterAll, beforeAll } from "vitest";
import { needsPart } from "./needs-part.ts";
import { startDeadlineMs } from "./ask-shared.ts";

/**
 * A server for the test file or `describe` block that calls it: started before its first test, ended after the last if it
 * is its own. Where `missing` says that it cannot be had, the tests are skipped as `needsPart` says.
 *
 * ```ts
 * const server = testServer("kafka", whyNoKafka({ own: true }), startKafka);
 * test("…", () => use(server().brokers));
 * ```
 */
export function testServer<Server extends object>(
  part: string,
  missing: string | undefined,
  start: () => Promise<Server & Partial<AsyncDisposable>>,
): () => Server {
  let server: (Server & Partial<AsyncDisposable>) | undefined;
  if (needsPart(part, missing)) {
    beforeAll(async () => {
      server = await start();
    }, startDeadlineMs);
    afterAll(() => server?.[Symbol.asyncDispose]?.());
  }
  return () => {
    if (!server) throw new Error(`${part}: use it inside a hook or a test, not while the file is loaded`);
    return server;
  };
}
