import type { Admin } from "kafkajs";
import { inTurn } from "./in-turn.ts";

/** They talk to nobody, or end what has not been answered. */
const AT_ONCE: ReadonlySet<string> = new Set(["connect", "disconnect", "logger", "on"]);

/**
 * The same admin client, whose calls wait for each other. kafkajs 2.2.4 keeps one view of the cluster for all calls of
 * a client, and a call about one topic replaces it: another that is under way then finds no partitions of its own
 * topic, and answers that a group has no offsets instead of failing.
 */
export function oneAtATime(admin: Admin): Admin {
  const turn = inTurn();
  const waiting =
    (call: (...args: unknown[]) => Promise<unknown>) =>
    (...args: unknown[]): Promise<unknown> =>
      turn(() => call(...args));
  const calls = Object.entries(admin).map(([name, member]: [string, unknown]) => [
    name,
    isCall(member) && !AT_ONCE.has(name) ? waiting(member) : member,
  ]);
  return Object.fromEntries(calls) as Admin;
}

function isCall(member: unknown): member is (...args: unknown[]) => Promise<unknown> {
  return typeof member === "function";
}
