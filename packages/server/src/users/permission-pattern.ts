import { RE2JS, RE2JSSyntaxException } from "re2js";

/** RabbitMQ allows any length; this bounds how long a name takes to be looked at. */
const PATTERN_CHARACTERS_MAX = 512;

/** Tells which names of exchanges and queues a permission covers. */
export interface PermissionPattern {
  matches(name: string): boolean;
}

/**
 * Compiles a pattern as RabbitMQ reads it: a regular expression that may match anywhere in the name; the empty one matches
 * nothing that has a name. The time to match grows only with pattern and name, whatever the pattern: there is no
 * backtracking, and so no look-around and no back references.
 *
 * @throws SyntaxError saying what is wrong with it
 */
export function permissionPattern(pattern: string): PermissionPattern {
  if (pattern.length > PATTERN_CHARACTERS_MAX) {
    throw new SyntaxError(`it has ${pattern.length} characters; give at most ${PATTERN_CHARACTERS_MAX}`);
  }
  const compiled = compile(pattern === "" ? "^$" : pattern);
  return { matches: (name) => compiled.test(name) };
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    const message = `${error.message.replace("error parsing regexp: ", "")}; look-around and back references are not supported`;
    throw new SyntaxError(message, { cause: error });
  }
}
