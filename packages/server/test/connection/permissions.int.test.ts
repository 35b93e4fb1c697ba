import type { Channel } from "amqplib";
import { expect, test } from "vitest";
import type { Permission } from "../../src/users/access.ts";
import { startBed } from "../support/server-bed.ts";

/** Every act, and all that it needs. */
const acts: Record<
  string,
  { needs: readonly string[]; readonly act: (channel: Channel) => Promise<unknown> }
> = {
  "declare an exchange": {
    needs: ["configure x"],
    act: (channel) => channel.assertExchange("x", "fanout"),
  },
  "declare an exchange with an alternate": {
    needs: ["configure new", "read new", "write x"],
    act: (channel) => channel.assertExchange("new", "fanout", { alternateExchange: "x" }),
  },
  "delete an exchange": { needs: ["configure x"], act: (channel) => channel.deleteExchange("x") },
  "bind exchanges": {
    needs: ["write x", "read amq.direct"],
    act: (channel) => channel.bindExchange("x", "amq.direct", "k"),
  },
  "unbind exchanges": {
    needs: ["write x", "read amq.direct"],
    act: (channel) => channel.unbindExchange("x", "amq.direct", "k"),
  },
  "declare a queue": { needs: ["configure q"], act: (channel) => channel.assertQueue("q") },
  "declare a queue without a name": {
    needs: ["configure amq.gen-"],
    act: (channel) => channel.assertQueue(""),
  },
  "declare a queue with a dead-letter exchange": {
    needs: ["configure new", "read new", "write x"],
    act: (channel) => channel.assertQueue("new", { deadLetterExchange: "x" }),
  },
  "bind a queue": { needs: ["write q", "read x"], act: (channel) => channel.bindQueue("q", "x", "") },
  "unbind a queue": { needs: ["write q", "read x"], act: (channel) => channel.unbindQueue("q", "x", "") },
  "purge a queue": { needs: ["read q"], act: (channel) => channel.purgeQueue("q") },
  "delete a queue": { needs: ["configure q"], act: (channel) => channel.deleteQueue("q") },
  "get a message": { needs: ["read q"], act: (channel) => channel.get("q") },
  consume: { needs: ["read q"], act: (channel) => channel.consume("q", () => {}) },
  "publish to an exchange": {
    needs: ["write x"],
    act: async (channel) => {
      channel.publish("x", "k", Buffer.from("1"));
      await channel.prefetch(1);
    },
  },
  "publish to a queue": {
    needs: ["write "],
    act: async (channel) => {
      channel.sendToQueue("q", Buffer.from("1"));
      await channel.prefetch(1);
    },
  },
};

for (const [what, { needs, act }] of Object.entries(acts)) {
  test(`to ${what} a user needs ${needs.join(" and ")}, and nothing else`, async () => {
    let missing = "";
    const annMay = (permission: Permission, name: string): boolean =>
      needs.includes(`${permission} ${name}`) && missing !== `${permission} ${name}`;
    const { connect } = await startBed({ annMay });
    const owner = await (await connect()).createChannel();
    await owner.assertExchange("x", "fanout");
    await owner.assertQueue("q");
    const model = await connect("", "ann");
    for (missing of needs) {
      const channel = await model.createChannel();
      const errors: Error[] = [];
      channel.on("error", (error: Error) => errors.push(error));
      await expect(act(channel)).rejects.toThrow(/Channel closed|403/);
      const [permission = "", name] = missing.split(" ");
      const shown = name === "" ? "amq.default" : name;
      expect(errors[0]?.message).toMatch(/403.*ACCESS_REFUSED/);
      expect(errors[0]?.message).toContain(`${permission} access to`);
      expect(errors[0]?.message).toContain(`'${shown}' in vhost '/' refused for user 'ann'`);
    }
    missing = "";
    await act(await model.createChannel());
  });
}

test("nobody changes the default exchange", async () => {
  const { connect } = await startBed();
  const model = await connect();
  const refused: ((channel: Channel) => Promise<unknown>)[] = [
    (channel) => channel.assertExchange("", "direct"),
    (channel) => channel.checkExchange(""),
    (channel) => channel.deleteExchange(""),
    (channel) => channel.bindExchange("", "amq.direct", ""),
    (channel) => channel.bindQueue("q", "", "k"),
  ];
  await (await model.createChannel()).assertQueue("q");
  for (const act of refused) {
    const channel = await model.createChannel();
    channel.on("error", () => {});
    await expect(act(channel)).rejects.toThrow(/403.*operation not permitted on the default exchange/);
  }
});
