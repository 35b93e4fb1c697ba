// Run by `npm run lock` after a change of dependencies: makes package-lock.json complete for all platforms
// and for every Node that may run npm ci.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  completeLock,
  missingPlatformPackages,
  pickyPlatformPackages,
  type Lock,
} from "./platform-packages.ts";

const path = join(import.meta.dirname, "..", "package-lock.json");
const lock = JSON.parse(readFileSync(path, "utf8")) as Lock;
const missing = missingPlatformPackages(lock).length;
const picky = pickyPlatformPackages(lock).length;
if (missing + picky > 0) writeFileSync(path, `${JSON.stringify(completeLock(lock), undefined, 2)}\n`);
console.log(`package-lock.json: ${missing} platform packages added, ${picky} opened to every Node`);
