import type { RabbitmqRights } from "@waybill/services";

/** Names, for each right. */
type Names = Readonly<Record<"configure" | "write" | "read", readonly string[]>>;

interface Needs {
  readonly declare: boolean;
  readonly names: Names;
}

// What docs/rabbitmq.md says that a service needs.

export const ofPublisher: Needs = {
  declare: true,
  names: { configure: ["waybill"], write: ["waybill"], read: [] },
};
export const ofBarePublisher: Needs = {
  declare: false,
  names: { configure: [], write: ["waybill"], read: [] },
};
export const ofConsumer = (group: string): Needs => ({
  declare: true,
  names: {
    configure: ["waybill", `waybill.${group}`, `waybill.${group}.partitions`],
    write: [`waybill.${group}`, `waybill.${group}.other-of-1`],
    read: ["waybill", `waybill.${group}`, `waybill.${group}.partitions`],
  },
});
export const ofBareConsumer = (group: string): Needs => ({
  declare: false,
  names: { configure: [], write: [], read: [`waybill.${group}`] },
});

/** Patterns of these names and no others. */
export function exactly({ configure, write, read }: Names): RabbitmqRights {
  const pattern = (names: readonly string[]): string =>
    names.length === 0 ? "" : `^(${names.join("|").replaceAll(".", String.raw`\.`)})$`;
  return { configure: pattern(configure), write: pattern(write), read: pattern(read) };
}

/** Each name of each right, and what is left without it. */
export function withoutOne(names: Names): { missing: string; rights: RabbitmqRights }[] {
  return (["configure", "write", "read"] as const).flatMap((right) =>
    names[right].map((missing) => ({
      missing,
      rights: exactly({ ...names, [right]: names[right].filter((name) => name !== missing) }),
    })),
  );
}
