import { chmod, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { expect, onTestFinished, test } from "vitest";
import { openUserDirectory, type UsersReloaded } from "../../src/users/user-directory.ts";
import { changeUsers, readStoredUsers } from "../../src/users/users-file.ts";
import type { StoredUsers } from "../../src/users/users-schema.ts";
import { cheapHash } from "./cheap-hash.ts";

const HERE = { address: "127.0.0.1" };
const ELSEWHERE = { address: "192.0.2.1" };
const ALL = { configure: ".*", write: ".*", read: ".*" };

const secret = cheapHash("secret");
const other = cheapHash("other");

async function directory(users?: StoredUsers["users"]) {
  const file = join(testFolder(), "users.json");
  const put = (next: StoredUsers["users"]) => changeUsers(file, () => ({ version: 1, users: next }));
  if (users !== undefined) await put(users);
  const reloads: UsersReloaded[] = [];
  const opened = await openUserDirectory({ file, onReloaded: (reloaded) => reloads.push(reloaded) });
  onTestFinished(() => opened.close());
  return { opened, file, put, reloads };
}

test("without a users file guest may do everything, from this machine only", async () => {
  const { opened } = await directory();
  expect(opened.names).toBeUndefined();
  for (const address of ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]) {
    const access = await opened.authenticate("guest", "guest", { address });
    expect(access?.mayEnter("/any"), address).toBe(true);
    expect(access?.may("configure", "/any", "queue"), address).toBe(true);
  }
  for (const address of ["192.0.2.1", "::ffff:192.0.2.1", "fe80::1", "", "0.0.0.0"])
    expect(await opened.authenticate("guest", "guest", { address }), address).toBeNull();
  expect(await opened.authenticate("guest", "wrong", HERE)).toBeNull();
  expect(await opened.authenticate("ada", "guest", HERE)).toBeNull();
});

test("guest is gone as soon as there are users, also where it had logged in before", async () => {
  const { opened, put } = await directory();
  const guest = await opened.authenticate("guest", "guest", HERE);
  await put({ ada: { password: secret, permissions: {} } });
  await opened.reload();
  expect(guest?.mayEnter("/")).toBe(false);
  expect(guest?.may("read", "/", "queue")).toBe(false);
  expect(await opened.authenticate("guest", "guest", HERE)).toBeNull();
});

test("a user called guest, with a password of its own, is taken from this machine only", async () => {
  const { opened } = await directory({ guest: { password: secret, permissions: { "/": ALL } } });
  expect(await opened.authenticate("guest", "secret", HERE)).not.toBeNull();
  expect(await opened.authenticate("guest", "secret", ELSEWHERE)).toBeNull();
  expect(await opened.authenticate("guest", "guest", HERE)).toBeNull();
});

test("a user needs the right password, and enters the virtual hosts with permissions only", async () => {
  const { opened } = await directory({
    ada: { password: secret, permissions: { "/": { configure: "^ada\\.", write: "", read: ".*" } } },
  });
  expect(await opened.authenticate("ada", "wrong", ELSEWHERE)).toBeNull();
  expect(await opened.authenticate("eve", "secret", ELSEWHERE)).toBeNull();
  const access = await opened.authenticate("ada", "secret", ELSEWHERE);
  expect(access?.user).toBe("ada");
  expect(access?.mayEnter("/")).toBe(true);
  expect(access?.mayEnter("other")).toBe(false);
  expect(access?.mayEnter("toString")).toBe(false);
  expect(access?.may("configure", "/", "ada.queue")).toBe(true);
  expect(access?.may("configure", "/", "bob.queue")).toBe(false);
  expect(access?.may("write", "/", "ada.queue")).toBe(false);
  expect(access?.may("read", "/", "bob.queue")).toBe(true);
  expect(access?.may("read", "other", "bob.queue")).toBe(false);
});

test("the default exchange goes by the name amq.default", async () => {
  const { opened } = await directory({
    ada: { password: secret, permissions: { "/": { configure: "", write: "^amq\\.default$", read: "" } } },
  });
  const access = await opened.authenticate("ada", "secret", HERE);
  expect(access?.may("write", "/", "")).toBe(true);
  expect(access?.may("write", "/", "amq.direct")).toBe(false);
});

test("an access given out before follows the file: new permissions, a new password, removal", async () => {
  const { opened, put, reloads } = await directory({ ada: { password: secret, permissions: { "/": ALL } } });
  const access = await opened.authenticate("ada", "secret", HERE);
  expect(access?.may("read", "/", "queue")).toBe(true);
  await put({ ada: { password: secret, permissions: { "/": { ...ALL, read: "^mine" } } } });
  await waitFor(() => access?.may("read", "/", "queue") === false, { describe: "the file to be seen" });
  expect(access?.may("read", "/", "mine")).toBe(true);
  await put({ ada: { password: other, permissions: { "/": ALL } } });
  await opened.reload();
  expect(access?.mayEnter("/")).toBe(false);
  expect(
    await opened.authenticate("ada", "secret", HERE),
    "although it was verified a moment ago",
  ).toBeNull();
  expect((await opened.authenticate("ada", "other", HERE))?.mayEnter("/")).toBe(true);
  await put({});
  await opened.reload();
  expect(await opened.authenticate("ada", "other", HERE)).toBeNull();
  expect(await opened.authenticate("guest", "guest", HERE), "a file without users lets nobody in").toBeNull();
  expect(reloads.at(-1)).toEqual({ users: 0 });
});

test("a file that becomes wrong, or goes away, changes nothing and is reported", async () => {
  const { opened, file, reloads } = await directory({ ada: { password: secret, permissions: { "/": ALL } } });
  const access = await opened.authenticate("ada", "secret", HERE);
  await writeFile(file, "{");
  await opened.reload();
  expect(reloads.at(-1)).toMatchObject({ error: { message: expect.stringContaining(file) as string } });
  await rm(file);
  await opened.reload();
  expect(reloads.at(-1)).toMatchObject({ error: { message: expect.stringMatching(/is gone/) as string } });
  expect(access?.may("read", "/", "queue")).toBe(true);
  expect(await opened.authenticate("guest", "guest", HERE)).toBeNull();
});

test.each([
  ["no JSON", "{", /is no JSON/],
  ["an unknown entry", '{"version":1,"users":{},"user":{}}', /user/],
  ["a plain password", '{"version":1,"users":{"ada":{"password":"secret"}}}', /hash-password/],
  ["a later version", '{"version":2,"users":{}}', /version/],
])("a file with %s is refused at the start, with its name", async (_name, content, message) => {
  const file = join(testFolder(), "users.json");
  await writeFile(file, content, { mode: 0o600 });
  await expect(openUserDirectory({ file })).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
  await expect(openUserDirectory({ file })).rejects.toThrow(message);
  await expect(openUserDirectory({ file })).rejects.toThrow(file);
});

test("a pattern that cannot be is refused with the pattern", async () => {
  const permissions = { "/": { ...ALL, write: "(" } };
  await expect(directory({ ada: { password: secret, permissions } })).rejects.toThrow(
    /"\(" is no pattern: missing closing \)/,
  );
});

test("a file that others may write to is refused", async () => {
  const { file } = await directory({});
  await chmod(file, 0o620);
  await expect(openUserDirectory({ file })).rejects.toThrow(/chmod 600/);
});

test("the file is for its owner alone, and a change that fails leaves it as it was", async () => {
  const { file, put } = await directory({ ada: { password: secret, permissions: {} } });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const before = await readFile(file, "utf8");
  await expect(put({ bob: { password: "plain", permissions: {} } })).rejects.toThrow(/hash-password/);
  expect(await readFile(file, "utf8")).toBe(before);
  await put({});
  expect(await readStoredUsers(file)).toEqual({ version: 1, users: {} });
});

test("two changes at once: one is refused instead of lost", async () => {
  const { file, put } = await directory({});
  await writeFile(`${file}.new`, "");
  await expect(put({})).rejects.toThrow(/being changed by another command/);
});
