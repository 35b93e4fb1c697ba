import { expect, test } from "vitest";
import { requirePart } from "@waybill/services";

test("a part that can run runs", () => {
  expect(requirePart("kafka", undefined, "all")).toBe(true);
});

test("a part that cannot run is skipped where nothing is required", () => {
  expect(requirePart("kafka", "no Java", "")).toBe(false);
  expect(requirePart("kafka", "no Java", "rabbitmq")).toBe(false);
});

test.each(["all", "kafka", "rabbitmq, kafka"])(
  "a part that cannot run fails with WAYBILL_REQUIRE=%s",
  (required) => {
    expect(() => requirePart("kafka", "no Java", required)).toThrow("kafka is required");
  },
);
