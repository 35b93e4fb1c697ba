import { posix } from "node:path";
import type { Finding } from "./source-rules.ts";

/** Which sibling packages the sources of a package may import. The table has no circle, so the packages have none. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  "packages/core": [],
  "packages/log": [],
  migrations: [],
  "packages/amqp": [],
  "packages/broker": ["@waybill/core", "@waybill/log", "@waybill/amqp", "@waybill/rabbitmq"],
  "packages/server": ["@waybill/amqp", "@waybill/broker", "@waybill/core"],
  "packages/postgres": ["@waybill/core", "@waybill/migrations"],
  "packages/rabbitmq": ["@waybill/core"],
  "packages/kafka": ["@waybill/core"],
  "packages/testing": ["@waybill/core"],
  "packages/cli": [
    "@waybill/core",
    "@waybill/postgres",
    "@waybill/broker",
    "@waybill/migrations",
    "@waybill/rabbitmq",
    "@waybill/kafka",
    "@waybill/server",
    "@waybill/log",
  ],
  benchmarks: [
    "@waybill/core",
    "@waybill/log",
    "@waybill/broker",
    "@waybill/postgres",
    "@waybill/rabbitmq",
    "@waybill/kafka",
    "@waybill/services",
    "@waybill/amqp",
    "@waybill/server",
  ],
  "packages/services": [],
  "packages/conformance": ["@waybill/core", "@waybill/services"],
  "packages/chaos": [
    "@waybill/amqp",
    "@waybill/core",
    "@waybill/broker",
    "@waybill/log",
    "@waybill/migrations",
    "@waybill/postgres",
    "@waybill/services",
    "@waybill/conformance",
  ],
};

const importPattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"']+)["']/g;

/** What the imports of a file break: the arrows between packages, and the border around each of them. */
export function checkLayers(file: string, text: string): Finding[] {
  const folder = packageFolder(file);
  if (folder === undefined) return [];
  const findings: Finding[] = [];
  for (const match of text.matchAll(importPattern)) {
    const message = broken(folder, file, match[1] ?? "");
    if (message === undefined) continue;
    findings.push({ file, line: text.slice(0, match.index).split("\n").length, message });
  }
  return findings;
}

function broken(folder: string, file: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(file), specifier);
    if (target.startsWith(`${folder}/`)) return undefined;
    return `${specifier} leaves the package: import the other package by its name`;
  }
  const sibling = /^(@waybill\/[^/]+|waybill$)/.exec(specifier)?.[0];
  if (sibling === undefined || !file.startsWith(`${folder}/src/`) || folder.startsWith("examples/"))
    return undefined;
  const allowed = layers[folder];
  if (allowed === undefined)
    return `${folder} has no place in the layers yet: add it to scripts/package-layers.ts`;
  if (allowed.includes(sibling)) return undefined;
  return `${folder} may import ${allowed.join(", ") || "no sibling"}, not ${sibling}`;
}

function packageFolder(file: string): string | undefined {
  return /^((packages|examples)\/[^/]+|migrations|benchmarks)(?=\/)/.exec(file)?.[0];
}
