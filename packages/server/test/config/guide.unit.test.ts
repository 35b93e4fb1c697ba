import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { loadSettings } from "../../src/config/load-settings.ts";
import { defaultOf, settingNames } from "../../src/config/settings.ts";

const DOCS = new URL("../../../../docs/", import.meta.url);

test("the guide has every setting with its default", async () => {
  const guide = await readFile(new URL("broker.md", DOCS), "utf8");
  const rows = guide.split("\n").filter((line) => line.startsWith("| `"));
  for (const name of settingNames) {
    const row = rows.find((line) => line.split("|")[1]?.includes(`\`${name}\``));
    expect(row, name).toBeDefined();
    const byDefault = defaultOf(name);
    if (byDefault === undefined) continue;
    expect(row?.replaceAll(/(?<=\d),(?=\d)/g, ""), name).toContain(byDefault);
  }
});

test("the configuration that the guide to deployment shows can be read", async () => {
  const file = new URL("deploy/native-broker/broker.json", DOCS).pathname;
  const { settings } = await loadSettings({ flags: {}, env: {}, file });
  expect(settings).toMatchObject({ tlsListen: [{ host: "0.0.0.0", port: 5_671 }], shutdownTimeout: 20_000 });
});
