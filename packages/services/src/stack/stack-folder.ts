import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isReachableByOthers, postgresUser } from "../postgres/postgres-user.ts";

const repository = fileURLToPath(new URL("../../../..", import.meta.url));

/**
 * Where the data of all services is: `WAYBILL_SERVICES_FOLDER`, else `.services` in the repository, or, where the
 * unprivileged user that runs PostgreSQL for root cannot come, a folder below /var/tmp.
 */
export function stackFolder(): string {
  const named = process.env["WAYBILL_SERVICES_FOLDER"];
  if (named) return resolve(named);
  const usual = join(repository, ".services");
  if (!postgresUser() || isReachableByOthers(usual)) return usual;
  const digest = createHash("sha256").update(repository).digest("hex").slice(0, 8);
  return `/var/tmp/waybill-services-${digest}`;
}
