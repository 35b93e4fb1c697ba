import { RefusalError } from "../refusal.ts";

/** @throws Refusal 403 */
export function checkName(kind: "queue" | "exchange", name: string): void {
  if (name.startsWith("amq."))
    throw new RefusalError(403, `${kind} name '${name}' contains reserved prefix 'amq.*'`);
  if (Buffer.byteLength(name) > 255) throw new RefusalError(406, `${kind} name is longer than 255 bytes`);
}

/** @throws Refusal 403 */
export function checkNotDefault(exchange: string): void {
  if (exchange === "") throw new RefusalError(403, "operation not permitted on the default exchange");
}
