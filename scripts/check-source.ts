// Checks the rules of the house that no linter knows: see source-rules.ts, package-layers.ts and
// platform-packages.ts.
import { globSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { checkLayers } from "./package-layers.ts";
import {
  foreignAddresses,
  missingPlatformPackages,
  pickyPlatformPackages,
  type Lock,
} from "./platform-packages.ts";
import { checkSource } from "./source-rules.ts";

const root = join(import.meta.dirname, "..");
const patterns = [
  "{packages,examples}/*/{src,test}/**/*.ts",
  "{migrations,benchmarks}/{src,test}/**/*.ts",
  "scripts/**/*.ts",
];

const files = globSync(patterns, { cwd: root, exclude: ["**/node_modules"] });
const findings = files.flatMap((path) => {
  const file = path.split(sep).join("/");
  const text = readFileSync(join(root, path), "utf8");
  return [...checkSource(file, text), ...checkLayers(file, text)];
});

const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
for (const { name } of missingPlatformPackages(lock)) {
  findings.push({ file: "package-lock.json", line: 1, message: `${name} is missing: npm run lock` });
}
if (pickyPlatformPackages(lock).length > 0) {
  findings.push({
    file: "package-lock.json",
    line: 1,
    message: "an older Node would skip packages: npm run lock",
  });
}
for (const address of foreignAddresses(lock)) {
  findings.push({ file: "package-lock.json", line: 1, message: `${address} is not the public registry` });
}

for (const { file, line, message } of findings) console.error(`${file}:${line}: ${message}`);
console.log(`${files.length} source files, ${findings.length} findings`);
if (findings.length > 0) process.exitCode = 1;
