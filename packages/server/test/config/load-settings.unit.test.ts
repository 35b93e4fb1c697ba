import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testFolder } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { loadSettings } from "../../src/config/load-settings.ts";
import { defaultOf, flagOf, settingNames, settingsSchema, variableOf } from "../../src/config/settings.ts";

async function configFile(content: unknown): Promise<string> {
  const file = join(testFolder(), "broker.json");
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

const NOTHING = { flags: {}, env: {} };

test("flag goes before environment, environment before file, file before default", async () => {
  const file = await configFile({ heartbeat: "3s", channelsMax: 3, connectionsMax: 3 });
  const env = { WAYBILL_BROKER_HEARTBEAT: "2s", WAYBILL_BROKER_CHANNELS_MAX: "2", HOME: "/root" };
  const { settings, sourceOf } = await loadSettings({ flags: { heartbeat: "1s" }, env, file });
  expect(settings).toMatchObject({
    heartbeat: 1_000,
    channelsMax: 2,
    connectionsMax: 3,
    frameBytesMax: 131_072,
  });
  expect(sourceOf("heartbeat")).toBe("--heartbeat");
  expect(sourceOf("channelsMax")).toBe("WAYBILL_BROKER_CHANNELS_MAX");
  expect(sourceOf("connectionsMax")).toBe(`connectionsMax in ${file}`);
  expect(sourceOf("frameBytesMax")).toBe("frameBytesMax, by default");
});

test("the file may be named by the environment, and an empty variable is as good as none", async () => {
  const file = await configFile({ dataDir: "/somewhere" });
  const env = { WAYBILL_BROKER_CONFIG: file, WAYBILL_BROKER_DATA_DIR: "" };
  expect((await loadSettings({ flags: {}, env })).settings.dataDir).toBe("/somewhere");
});

test("nothing given: loopback only, no TLS, one virtual host", async () => {
  const { settings } = await loadSettings(NOTHING);
  expect(settings).toMatchObject({
    dataDir: "./waybill-data",
    listen: [{ host: "127.0.0.1", port: 5_672 }],
    tlsListen: [],
    tlsClientCert: "none",
    virtualHosts: ["/"],
    healthListen: [{ host: "127.0.0.1", port: 15_692 }],
  });
});

test("every setting is read the same from a flag and from the environment", async () => {
  for (const name of settingNames) {
    const value = defaultOf(name) ?? "x";
    const byFlag = await loadSettings({ flags: { [name]: value }, env: {} });
    const byVariable = await loadSettings({ flags: {}, env: { [variableOf(name)]: value } });
    expect(byFlag.settings[name], name).toEqual(byVariable.settings[name]);
    expect(byFlag.sourceOf(name)).toBe(flagOf(name));
    expect(byVariable.sourceOf(name)).toBe(variableOf(name));
  }
  expect(Object.keys(settingsSchema.shape).toSorted()).toEqual([...settingNames].toSorted());
  expect([flagOf("tlsCert"), variableOf("tlsCert")]).toEqual(["--tls-cert", "WAYBILL_BROKER_TLS_CERT"]);
});

test.each([
  [
    { listen: "0.0.0.0:5672, [::1]:0" },
    "listen",
    [
      { host: "0.0.0.0", port: 5_672 },
      { host: "::1", port: 0 },
    ],
  ],
  [{ listen: ["localhost:1"] }, "listen", [{ host: "localhost", port: 1 }]],
  [{ listen: "none" }, "listen", []],
  [{ virtualHosts: "/,shop,/" }, "virtualHosts", ["/", "shop"]],
  [{ messageBytesMax: "2 MiB" }, "messageBytesMax", 2 * 1024 * 1024],
  [{ messageBytesMax: "500KB" }, "messageBytesMax", 500_000],
  [{ messageBytesMax: 1 }, "messageBytesMax", 1],
  [{ heartbeat: "0s" }, "heartbeat", 0],
  [{ shutdownTimeout: "2m" }, "shutdownTimeout", 120_000],
] as const)("%j is read", async (content, name, value) => {
  const { settings } = await loadSettings({ ...NOTHING, file: await configFile(content) });
  expect(settings[name]).toEqual(value);
});

test.each([
  [{ listen: "5672" }, /^listen in \/.*broker\.json: give host:port, such as .*; it is "5672"\.$/],
  [{ listen: "localhost:70000" }, /listen in/],
  [{ listen: "" }, /listen in/],
  [{ heartbeat: "60" }, /give a time with its unit, such as .*; it is "60"/],
  [{ heartbeat: 60 }, /give a time with its unit/],
  [{ messageBytesMax: "1 potato" }, /give a size such as 64MiB/],
  [{ messageBytesMax: "999GiB" }, /from 1 to 125829120 bytes/],
  [{ channelsMax: 1.5 }, /give a whole number from 1 to 65535; it is 1\.5/],
  [{ logFormat: "xml" }, /give one of text, json/],
  [{ virtualHosts: "" }, /give 1 to 256 names/],
  [{ dataDir: null }, /give a folder; it is null/],
  [{ listne: "x" }, /listne in .*: there is no such setting; remove it, or take one of dataDir, listen/],
])("%j is refused with name, source and remedy", async (content, message) => {
  const loading = loadSettings({ ...NOTHING, file: await configFile(content) });
  await expect(loading).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
  await expect(loading).rejects.toThrow(message);
});

test("a misspelt variable is refused, and every problem is told at once", async () => {
  const env = { WAYBILL_BROKER_LISTN: "x", WAYBILL_BROKER_HEARTBEAT: "soon" };
  const loading = loadSettings({ flags: { logLevel: "loud" }, env });
  await expect(loading).rejects.toThrow(/WAYBILL_BROKER_LISTN: there is no such setting/);
  await expect(loading).rejects.toThrow(/WAYBILL_BROKER_HEARTBEAT: give a time .*; it is "soon"/);
  await expect(loading).rejects.toThrow(/--log-level: give one of debug, info, warn, error; it is "loud"/);
});

test.each([
  ["no JSON", "{"],
  ["no object", "[]"],
])("a file with %s is refused by name", async (_name, content) => {
  const file = await configFile(content);
  await expect(loadSettings({ ...NOTHING, file })).rejects.toThrow(file);
});

test("a file that is not there is refused", async () => {
  await expect(loadSettings({ ...NOTHING, file: "/nowhere/broker.json" })).rejects.toThrow(
    /\/nowhere\/broker\.json cannot be read: .*ENOENT.*--config/,
  );
});
