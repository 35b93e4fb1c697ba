import { expect, test, vi } from "vitest";
import { requirePart } from "@waybill/services";

test("a part that can run runs", () => {
  expect(requirePart("kafka", undefined, "all")).toBe(true);
});

test("a part that cannot run is skipped where nothing is required, and it is said why", () => {
  const warn = vi.spyOn(console, "warn").mockReturnValue();
  expect(requirePart("kafka", "no Java", "")).toBe(false);
  expect(requirePart("kafka", "no Java", "rabbitmq")).toBe(false);
  const said = ["skipped for want of kafka: no Java"];
  expect(warn.mock.calls).toEqual([said, said]);
  warn.mockRestore();
});

test.each(["all", "kafka", "rabbitmq, kafka"])(
  "a part that cannot run fails with WAYBILL_REQUIRE=%s",
  (required) => {
    expect(() => requirePart("kafka", "no Java", required)).toThrow("kafka is required");
  },
);
