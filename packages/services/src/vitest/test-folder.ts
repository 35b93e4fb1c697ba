import { onTestFinished } from "vitest";
import { temporaryFolder } from "../process/temporary-folder.ts";

/** The path of an empty folder (0700) for use inside a test: it is removed when the test has finished. */
export function testFolder(prefix = "waybill-test"): string {
  const folder = temporaryFolder(prefix);
  onTestFinished(() => folder.remove());
  return folder.path;
}
