import { z } from "zod";
import { WaybillError } from "../errors/waybill-error.ts";

/**
 * Reads an options object against a strict schema.
 *
 * @throws WaybillError `OPTIONS_INVALID` naming the function, every wrong option and what it wants
 */
export function parseOptions<Schema extends z.ZodType>(
  where: string,
  schema: Schema,
  options: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new WaybillError("OPTIONS_INVALID", `${where}: ${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  });
}
