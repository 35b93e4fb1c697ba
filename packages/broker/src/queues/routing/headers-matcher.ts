import type { FieldTable } from "../contract.ts";
import { sameField } from "../topology/same-field.ts";
import type { Binding, Matcher, Routable } from "./binding.ts";

/** Headers that equal the arguments of the binding: all of them, or with `x-match` `any` at least one. */
export class HeadersMatcher implements Matcher {
  readonly #bindings = new Set<Binding>();

  add(binding: Binding): void {
    this.#bindings.add(binding);
  }

  remove(binding: Binding): void {
    this.#bindings.delete(binding);
  }

  match(message: Routable, found: (binding: Binding) => void): void {
    if (this.#bindings.size === 0) return;
    const headers = message.headers();
    for (const binding of this.#bindings) if (matches(binding.arguments, headers)) found(binding);
  }
}

export const MATCH_KINDS: readonly unknown[] = ["all", "any", "all-with-x", "any-with-x"];

function matches(args: FieldTable, headers: FieldTable): boolean {
  const kind = typeof args["x-match"] === "string" ? args["x-match"] : "all";
  const withX = kind.endsWith("-with-x");
  const names = Object.keys(args).filter((name) => name !== "x-match" && (withX || !name.startsWith("x-")));
  const equal = (name: string): boolean => {
    if (!Object.hasOwn(headers, name)) return false;
    // An argument without a value asks only whether the header is there.
    const wanted = args[name];
    return wanted === null || wanted === undefined || sameField(wanted, headers[name]);
  };
  return kind.startsWith("any") ? names.some(equal) : names.every(equal);
}
