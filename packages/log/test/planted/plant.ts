import { registerHooks } from "node:module";
import { PLANTED_BUGS } from "./bugs.ts";

/** Imported before everything else: loads the sources of the log with the bug that `WAYBILL_PLANTED` names. */
const name = process.env["WAYBILL_PLANTED"] ?? "";
const bug = PLANTED_BUGS[name];
if (bug === undefined) throw new Error(`there is no bug "${name}"`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/log/src/${bug.file}`)) return loaded;
    const source = Buffer.from((loaded.source as string | Uint8Array | undefined) ?? "").toString();
    if (source.split(bug.find).length !== 2) throw new Error(`${bug.file} has no single place for "${name}"`);
    return { ...loaded, source: source.replace(bug.find, () => bug.replace) };
  },
});
