import { testFolder, testProcess } from "@waybill/services/vitest";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { expect, test } from "vitest";

const main = new URL("../src/stack/main.ts", import.meta.url);

test("takes servers that variables name, and starts none", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const place = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const services = servicesWith(place);
  expect(await services("up")).toMatchObject({ code: 0 });
  const { output } = await services("env");
  expect(output).toEqual([
    `export DATABASE_URL='postgres://${place}/x'`,
    `export RABBITMQ_URL='amqp://${place}'`,
    `export KAFKA_BROKERS='${place},${place}'`,
  ]);
  const status = await services("status");
  expect(status.output).toHaveLength(4);

  server.close();
  await once(server, "close");
  const failed = await services("up");
  expect(failed.code).toBe(1);
  expect(failed.output).toContain(
    `postgres: not started: DATABASE_URL is set, but nobody answers at ${place}: start it there, or unset DATABASE_URL`,
  );
  expect(await services("status")).toMatchObject({ code: 1 });
});

test("says how it is used", async () => {
  const services = servicesWith("127.0.0.1:1");
  for (const args of [[], ["fly"], ["up", "down"], ["toString"]]) {
    const { code, output } = await services(...args);
    expect(code, args.join(" ")).toBe(2);
    expect(output.join("\n")).toContain("npm run services -- <command>");
  }
  expect(await services("--help")).toMatchObject({ code: 0 });
  expect(await services("up", "--clutser")).toMatchObject({ code: 1 });
});

function servicesWith(place: string) {
  const env = {
    WAYBILL_SERVICES_FOLDER: testFolder(),
    DATABASE_URL: `postgres://${place}/x`,
    RABBITMQ_URL: `amqp://${place}`,
    KAFKA_BROKERS: `${place},${place}`,
  };
  return async (...args: string[]) => {
    const child = testProcess(main, args, { env });
    const { code } = await child.exited;
    return { code, output: child.output };
  };
}
