import { WaybillError } from "./waybill-error.ts";

/**
 * A module that users install only if they need it.
 *
 * @param advice says what to install when it, or a library under it, is not there
 * @throws WaybillError `OPTIONS_INVALID` with that advice; whatever else the module throws while it is loaded
 */
export async function installed<Module>(module: Promise<Module>, advice: string): Promise<Module> {
  try {
    return await module;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new WaybillError("OPTIONS_INVALID", advice, { cause });
  }
}
