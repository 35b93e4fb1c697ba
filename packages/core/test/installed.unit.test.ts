import { expect, test } from "vitest";
import { installed } from "../src/errors/installed.ts";

test("a module that is there is handed on", async () => {
  await expect(installed(import("node:path"), "unused")).resolves.toHaveProperty("join");
});

test("one that is missing is refused with the advice, and what else goes wrong is not hidden", async () => {
  const name = ["@waybill", "not-there"].join("/");
  await expect(installed(import(name), "npm install it")).rejects.toMatchObject({
    code: "OPTIONS_INVALID",
    message: "npm install it",
  });
  const failure = new Error("broken inside");
  await expect(installed(Promise.reject(failure), "npm install it")).rejects.toBe(failure);
});
