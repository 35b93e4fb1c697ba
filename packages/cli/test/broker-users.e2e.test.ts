import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { addUser, brokerCommand, client, startBrokerBed } from "./broker-bed.ts";

test("a user logs in with its password only, and guest is gone", async () => {
  const dataDir = join(testFolder(), "data");
  await addUser(dataDir, "ada", "pass word");
  const { process: broker, plain } = await startBrokerBed(dataDir);
  await client(`amqp://ada:pass%20word@${plain}`);
  await expect(client(`amqp://ada:wrong@${plain}`)).rejects.toThrow(/403.*ACCESS.REFUSED/);
  await expect(client(`amqp://guest:guest@${plain}`)).rejects.toThrow(/403.*ACCESS.REFUSED/);
  expect(await broker.line(({ event }) => event === "connection.refused")).toMatchObject({ user: "ada" });
  expect(JSON.stringify(broker.lines)).not.toContain("pass word");
});

test("what is not permitted is refused with 403 on its channel, and in another virtual host altogether", async () => {
  const dataDir = join(testFolder(), "data");
  await addUser(dataDir, "shop", "secret", "--no-permissions");
  const patterns = ["--configure", "^mine", "--write", "^amq\\.default$", "--read", "^mine"];
  const permitted = await brokerCommand(["users", "permit", "shop", "--data-dir", dataDir, ...patterns]);
  expect(permitted).toMatchObject({ code: 0, stderr: "" });
  const { plain } = await startBrokerBed(dataDir, ["--virtual-hosts", "/,other"]);
  const connection = await client(`amqp://shop:secret@${plain}`);
  const refusals: string[] = [];
  const channel = async () => {
    const opened = await connection.createChannel();
    opened.on("error", (error: Error) => refusals.push(error.message));
    return opened;
  };
  const allowed = await channel();
  await allowed.assertQueue("mine");
  allowed.sendToQueue("mine", Buffer.from("x"));
  await waitFor(async () => (await allowed.checkQueue("mine")).messageCount === 1);
  await expect((await channel()).assertQueue("theirs")).rejects.toThrow(
    /403.*configure access to queue 'theirs' in vhost '\/' refused for user 'shop'/,
  );
  (await channel()).publish("amq.topic", "key", Buffer.from("x"));
  await waitFor(() => refusals.some((text) => /403.*write access to exchange 'amq.topic'/.test(text)), {
    describe: () => refusals.join("\n"),
  });
  await expect((await channel()).get("theirs")).rejects.toThrow(/403.*read access to queue 'theirs'/);
  await expect(client(`amqp://shop:secret@${plain}/other`)).rejects.toThrow(/ConnectionClose/);
});

test("a running broker takes up changes: a new user, and a removed user is thrown out", async () => {
  const dataDir = join(testFolder(), "data");
  await addUser(dataDir, "ada", "secret");
  const { process: broker, plain } = await startBrokerBed(dataDir);
  const connection = await client(`amqp://ada:secret@${plain}`);
  const closed = once(connection, "close") as Promise<[Error]>;
  await addUser(dataDir, "bob", "secret");
  await broker.line(({ event, users }) => event === "users.reloaded" && users === 2);
  const bob = await client(`amqp://bob:secret@${plain}`);
  const removed = await brokerCommand(["users", "remove", "ada", "--data-dir", dataDir]);
  expect(removed).toMatchObject({ code: 0, stderr: "" });
  broker.kill("SIGHUP");
  await broker.line(({ event, users }) => event === "users.reloaded" && users === 1);
  await expect(client(`amqp://ada:secret@${plain}`)).rejects.toThrow(/403/);
  expect((await closed)[0].message).toMatch(/320.*the user may not use the virtual host any more/);
  await (await bob.createChannel()).assertQueue("still there");
});

test("users are added, listed, changed and removed; the file is its owner's alone and keeps no password", async () => {
  const dataDir = join(testFolder(), "data");
  const users = (...args: string[]) => brokerCommand(["users", ...args, "--data-dir", dataDir], "secret\n");
  expect(await users("add", "ada", "--vhost", "shop")).toMatchObject({ code: 0, stderr: "" });
  const file = join(dataDir, "users.json");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const before = await readFile(file, "utf8");
  expect(before).toContain("$scrypt$ln=");
  expect(before).not.toContain("secret");
  expect(await users("add", "ada")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/There is a user ada in .*users\.json already/) as string,
  });
  expect(await users("permit", "ada", "--read", "(")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/"\(" is no pattern: missing closing \)/) as string,
  });
  expect(await readFile(file, "utf8")).toBe(before);
  await users("permit", "ada", "--read", "^x");
  const list = await users("list", "--json");
  const all = { configure: ".*", write: ".*", read: ".*" };
  const permissions = { shop: all, "/": { configure: "", write: "", read: "^x" } };
  expect(JSON.parse(list.stdout)).toEqual([{ name: "ada", permissions }]);
  await users("permit", "ada", "--vhost", "shop", "--revoke");
  expect((await users("list")).stdout).toBe('ada\n  /: configure "", write "", read "^x"\n');
  await users("password", "ada");
  expect(await readFile(file, "utf8")).not.toBe(before);
  expect(await users("remove", "eve")).toMatchObject({ code: 2 });
  expect(await users("remove", "ada")).toMatchObject({ code: 0 });
  expect((await users("list")).stdout).toBe("There are no users.\n");
});

test("a hash that was made elsewhere is taken instead of a password", async () => {
  const dataDir = join(testFolder(), "data");
  const { stdout } = await brokerCommand(["hash-password"], "secret");
  await addUser(dataDir, "ada", "", "--password-hash", stdout.trim());
  const { plain } = await startBrokerBed(dataDir);
  await client(`amqp://ada:secret@${plain}`);
  const none = await brokerCommand(["hash-password"], "");
  expect(none).toMatchObject({ code: 2, stdout: "" });
});
