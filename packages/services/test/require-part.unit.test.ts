import { expect, test, vi } from "vitest";
import { requirePart } from "@waybill/services";

test("a part that can run runs", () => {
  expect(requirePart("kafka", undefined, "all")).toBe(true);
});

test("a part that cannot run is skipped where nothing is required, and it is said why", () => {
  const warn = vi.spyOn(console, "warn").mockReturnValue();
  expect(requirePart("kafka", "no Java", "")).toBe(false);
  expect(requirePart("kafka", "no Java", "rabbitmq")).toBe(false);
  expect(warn.mock.calls).toEqual(Array(2).fill(["skipped for want of kafka: no Java"]));
  warn.mockRestore();
});

test.each(["all", "kafka", "rabbitmq, kafka"])(
  "a part that cannot run fails with WAYBILL_REQUIRE=%s",
  (required) => {
    expect(() => requirePart("kafka", "no Java", required)).toThrow("kafka is required");
  },
);
