/** One place where a source file breaks a rule of the house. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export const sourceLinesMax = 400;

/** Packages that a simulator runs: the outside world enters them only through ports. */
const simulated = /^packages\/(core|log|broker)\/src\//;
/** The only folders in them that may touch it: `ports/` describes the world, `system/` is the real one. */
const outside = /\/(ports|system)\//;
/** What is published must also run on the oldest supported Node. */
const published = /^(packages\/(?!services|conformance|chaos)[^/]+|migrations)\/src\//;

const forbiddenInSimulated: readonly [RegExp, string][] = [
  [/\bDate\.now\b/, "Date.now"],
  [/\bnew Date(\(\s*\)|(?![\w(]))/, "new Date()"],
  [/(?<!\bnew )\bDate\(/, "Date()"],
  [/\bMath\.random\b/, "Math.random"],
  [/\b(setTimeout|setInterval|setImmediate)\b/, "a timer"],
  [/\bAbortSignal\.timeout\b/, "AbortSignal.timeout"],
  [/\bperformance\.(now|timeOrigin)\b/, "performance.now"],
  [/\bprocess\.hrtime\b/, "process.hrtime"],
  [/\b(randomUUID|randomBytes|randomInt|getRandomValues)\b/, "randomness"],
  [
    /["'](node:)?(fs|net|tls|dgram|http|https|dns|timers|child_process|worker_threads)(\/promises)?["']/,
    "a module of the outside world",
  ],
];

const tooNew: readonly [RegExp, string][] = [
  [/\b(Async)?DisposableStack\b/, "Node 22 has no DisposableStack"],
];

/** What a source file breaks; `file` is relative to the root of the repository, with forward slashes. */
export function checkSource(file: string, text: string): Finding[] {
  const lines = withoutComments(text).split("\n");
  const findings: Finding[] = [];
  const count = text.split("\n").length - 1;
  if (count > sourceLinesMax) {
    findings.push({
      file,
      line: count,
      message: `${count} lines, at most ${sourceLinesMax}: split the file by concept`,
    });
  }
  const rules: [RegExp, string][] = [];
  if (simulated.test(file) && !outside.test(file)) {
    rules.push(
      ...forbiddenInSimulated.map(([pattern, what]): [RegExp, string] => [
        pattern,
        `${what}: go through a port`,
      ]),
    );
  }
  if (published.test(file)) rules.push(...tooNew);
  for (const [index, line] of lines.entries()) {
    for (const [pattern, message] of rules) {
      if (pattern.test(line)) findings.push({ file, line: index + 1, message });
    }
  }
  return findings;
}

/** Blanks comments and keeps the lines. A string that holds `//` after a space loses its end, which hides nothing real. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\//g, blank).replaceAll(/(^|\s)\/\/.*$/gm, blank);
}

function blank(comment: string): string {
  return comment.replaceAll(/[^\n]/g, " ");
}
