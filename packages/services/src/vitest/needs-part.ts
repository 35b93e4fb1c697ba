import { beforeEach } from "vitest";
import { requirePart } from "../require-part.ts";

/**
 * Says as `requirePart` does whether a part can run. Where it cannot, the tests of the file or `describe` block that calls
 * it are skipped and say why.
 */
export function needsPart(part: string, missing: string | undefined): boolean {
  if (requirePart(part, missing)) return true;
  beforeEach(({ skip }) => skip(missing));
  return false;
}
