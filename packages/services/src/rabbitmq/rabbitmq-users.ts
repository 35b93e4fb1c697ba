import { askManagement } from "./management-api.ts";

/** What a user may do in a virtual host: patterns of names; nothing where none is given. */
export interface RabbitmqRights {
  readonly configure?: string;
  readonly write?: string;
  readonly read?: string;
  /** Bounds the topics of one exchange, which bounds nothing without this. */
  readonly topics?: { readonly exchange: string; readonly write: string; readonly read: string };
}

const NOTHING = "";

/** Makes users, or gives them these passwords. They may do nothing yet. */
export async function putUsers(
  managementUrl: string,
  passwords: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, password] of Object.entries(passwords)) {
    await askManagement(managementUrl, "PUT", `users/${encodeURIComponent(name)}`, { password, tags: "" });
  }
}

/** In place of the rights that the user had in the virtual host of `vhostUrl`; bounds of topics stay. */
export async function putRights(
  managementUrl: string,
  user: string,
  vhostUrl: string,
  { configure = NOTHING, write = NOTHING, read = NOTHING, topics }: RabbitmqRights,
): Promise<void> {
  const vhost = new URL(vhostUrl).pathname.slice(1);
  const place = `${vhost}/${encodeURIComponent(user)}`;
  await askManagement(managementUrl, "PUT", `permissions/${place}`, { configure, write, read });
  if (topics !== undefined) await askManagement(managementUrl, "PUT", `topic-permissions/${place}`, topics);
}
