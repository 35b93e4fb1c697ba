import { WaybillError } from "@waybill/core";
import { hashPassword } from "@waybill/server";
import { readPassword } from "./read-password.ts";

/** @throws WaybillError `OPTIONS_INVALID` when there is no password, or one that is too long */
export async function readAndHash(): Promise<string> {
  const password = await readPassword();
  try {
    return await hashPassword(password);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new WaybillError("OPTIONS_INVALID", cause.message, { cause });
  }
}
