import { expect, test } from "vitest";
import { waitFor } from "@waybill/services";

test("resolves with the first truthy answer", async () => {
  const answers = [undefined, false, "found"];
  await expect(waitFor(() => answers.shift(), { intervalMs: 1 })).resolves.toBe("found");
});

test("looks again after a condition that threw", async () => {
  let looks = 0;
  const condition = (): boolean => {
    looks += 1;
    if (looks < 3) throw new Error("not yet");
    return true;
  };
  await expect(waitFor(condition, { intervalMs: 1 })).resolves.toBe(true);
});

test("rejects at the deadline with the description and the last error as cause", async () => {
  const cause = new Error("connection refused");
  const waiting = waitFor(() => Promise.reject(cause), {
    deadlineMs: 20,
    intervalMs: 1,
    describe: "the server",
  });
  await expect(waiting).rejects.toMatchObject({ message: "waited 20 ms for the server", cause });
});

test("rejects at the deadline also while one look hangs", async () => {
  const { promise } = Promise.withResolvers<never>();
  const waiting = waitFor(() => promise, { deadlineMs: 20, describe: () => "an answer" });
  await expect(waiting).rejects.toThrow("waited 20 ms for an answer");
});
