import { expect, test } from "vitest";
import { checkLayers, layers } from "../package-layers.ts";

test("the layers have no circle", () => {
  const folders = new Map(
    Object.keys(layers).map((folder) => [`@waybill/${folder.replace("packages/", "")}`, folder]),
  );
  const visit = (name: string, path: readonly string[]): void => {
    expect(path).not.toContain(name);
    for (const next of layers[folders.get(name) ?? ""] ?? []) visit(next, [...path, name]);
  };
  for (const name of folders.keys()) visit(name, []);
});

test.each([
  ["packages/log/src/segment.ts", 'import { defineTopic } from "@waybill/core";'],
  ["packages/core/src/index.ts", 'export * from "@waybill/postgres/internal";'],
  ["packages/broker/src/index.ts", 'const storage = await import("@waybill/postgres");'],
  ["packages/core/src/relay/relay.ts", 'import { waitFor } from "@waybill/services";'],
])("an arrow against the layers is found: %s %s", (file, line) => {
  expect(checkLayers(file, `\n${line}`)).toMatchObject([{ file, line: 2 }]);
});

test.each([
  ["packages/broker/src/index.ts", 'import { openLog } from "@waybill/log/internal";'],
  ["packages/core/test/relay.unit.test.ts", 'import { describeBroker } from "@waybill/conformance";'],
  ["examples/order-service/src/main.ts", 'import { startPostgres } from "@waybill/services";'],
  ["packages/core/src/relay/relay.ts", 'import { Clock } from "../ports/clock.ts";'],
  ["packages/core/src/relay/relay.ts", 'import {\n  z,\n} from "zod";'],
])("allowed: %s %s", (file, line) => {
  expect(checkLayers(file, line)).toEqual([]);
});

test("a relative import does not leave its package, not even in tests", () => {
  const line = 'import { Relay } from "../../core/src/relay/relay.ts";';
  expect(checkLayers("packages/postgres/test/a.int.test.ts", line)).toHaveLength(1);
});

test("a new package must be given its place", () => {
  expect(checkLayers("packages/new/src/index.ts", 'import "@waybill/core";')[0]?.message).toContain(
    "no place",
  );
});
