/** How the lines begin that say what was skipped; the summary of a test run repeats them. */
export const SKIPPED_FOR_WANT_OF = "skipped for want of";

/**
 * Says whether an optional part of a test can run, and fails instead of letting it be skipped unnoticed where
 * everything is required. `missing` is the reason why it cannot run and how to get it, or undefined if it can; it is
 * printed when tests are skipped for it.
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
  // oxlint-disable-next-line no-console -- where the reporter of a test run hears it
  console.warn(`${SKIPPED_FOR_WANT_OF} ${part}: ${missing}`);
  return false;
}
