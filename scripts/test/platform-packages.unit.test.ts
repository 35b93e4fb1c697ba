import { expect, test } from "vitest";
import {
  completeLock,
  foreignAddresses,
  missingPlatformPackages,
  pickyPlatformPackages,
  type Lock,
} from "../platform-packages.ts";

const lock: Lock = {
  packages: {
    "": {},
    "node_modules/tool": {
      version: "1.2.3",
      dev: true,
      optionalDependencies: {
        "@tool/linux-x64-musl": "1.2.3",
        "@tool/windows-64": "^1.0.0",
        "@tool/linux-x64-gnu": "1.2.3",
      },
    },
    "node_modules/tool/node_modules/@tool/linux-x64-gnu": { version: "1.2.3", optional: true },
    "packages/own": { optionalDependencies: { "@tool/linux-x64-musl": "1.2.3" } },
  },
};

test("finds the platform packages that the lock lacks, where npm would look for them", () => {
  expect(missingPlatformPackages(lock).map(({ name }) => name)).toEqual([
    "@tool/linux-x64-musl",
    "@tool/windows-64",
  ]);
});

test("adds them so that only their platform installs them", () => {
  const completed = completeLock(lock);
  expect(missingPlatformPackages(completed)).toEqual([]);
  expect(completed.packages["node_modules/@tool/linux-x64-musl"]).toEqual({
    version: "1.2.3",
    cpu: ["x64"],
    libc: ["musl"],
    os: ["linux"],
    dev: true,
    optional: true,
  });
  expect(completed.packages["node_modules/@tool/windows-64"]).toMatchObject({
    version: "1.2.3",
    cpu: ["x64"],
    os: ["win32"],
  });
});

test("opens platform packages to every Node, and leaves other packages as they are", () => {
  const engines = { node: ">=22" };
  const picky: Lock = {
    packages: { "node_modules/a": { optional: true, os: ["linux"], engines }, "node_modules/b": { engines } },
  };
  expect(pickyPlatformPackages(picky)).toEqual(["node_modules/a"]);
  expect(completeLock(picky).packages).toEqual({
    "node_modules/a": { optional: true, os: ["linux"] },
    "node_modules/b": { engines },
  });
});

test("refuses to guess the platform of an unknown name", () => {
  const odd: Lock = {
    packages: { "node_modules/tool": { version: "1.0.0", optionalDependencies: { extras: "1.0.0" } } },
  };
  expect(() => completeLock(odd)).toThrow("lock it by hand");
});

test("finds addresses that work on one machine only", () => {
  const mirror = "http://mirror.local/tool-1.2.3.tgz";
  const resolved = "https://registry.npmjs.org/tool/-/tool-1.2.3.tgz";
  const mixed: Lock = {
    packages: { a: { resolved }, b: { resolved: mirror }, c: { resolved: "packages/own", link: true } },
  };
  expect(foreignAddresses(mixed)).toEqual([mirror]);
});
