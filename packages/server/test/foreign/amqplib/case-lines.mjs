// A reporter for node:test: one JSON line for each case, with the file and the names of the suites around it.
import { basename } from "node:path";

// oxlint-disable-next-line import/no-default-export -- node:test wants it
export default async function* caseLines(events) {
  const names = [];
  for await (const { type, data } of events) {
    if (type === "test:start") names.splice(data.nesting, names.length, data.name);
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite") continue;
    const name = [...names.slice(0, data.nesting), data.name].join(" > ");
    const cause = data.details?.error?.cause ?? data.details?.error;
    yield `${JSON.stringify({
      file: basename(data.file ?? ""),
      name,
      passed: type === "test:pass",
      skipped: data.skip !== undefined || data.todo !== undefined,
      ms: Math.round(data.details?.duration_ms ?? 0),
      error: type === "test:fail" ? String(cause?.stack ?? cause) : null,
    })}\n`;
  }
}
