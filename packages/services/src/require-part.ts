/**
 * Says whether an optional part of a test can run, and fails instead of letting it be skipped unnoticed where
 * everything is required. `missing` is the reason why it cannot run, or undefined if it can.
 *
 * `WAYBILL_REQUIRE=all` requires every part, `WAYBILL_REQUIRE=rabbitmq,kafka` those named.
 *
 * ```ts
 * describe.runIf(requirePart("rabbitmq", await whyNoRabbitmq()))("on RabbitMQ", () => { … });
 * ```
 */
export function requirePart(
  part: string,
  missing: string | undefined,
  required: string | undefined = process.env["WAYBILL_REQUIRE"],
): boolean {
  if (missing === undefined) return true;
  const parts = (required ?? "").split(",").map((name) => name.trim());
  if (parts.includes("all") || parts.includes(part)) {
    throw new Error(`${part} is required (WAYBILL_REQUIRE=${required}) but cannot run: ${missing}`);
  }
  return false;
}
