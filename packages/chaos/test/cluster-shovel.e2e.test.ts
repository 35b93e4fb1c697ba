import { requirePart, waitFor, whyNoRabbitmq } from "@waybill/services";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deployFile } from "../src/cluster/deploy-file.ts";
import { importDefinitions, messagesIn, publishBare } from "../src/cluster/management.ts";
import { openSite, type Site } from "../src/cluster/open-site.ts";
import { clusterBed } from "./cluster-bed.ts";
import { cutAndKill } from "./cut-and-kill.ts";

const there = requirePart("rabbitmq", whyNoRabbitmq({ own: true }));

describe.runIf(there)("a shovel between two brokers", () => {
  const bed = clusterBed("rabbitmq-shovel");
  let a: Site;
  let b: Site;
  beforeAll(async () => {
    const configuration = deployFile("rabbitmq-shovel/rabbitmq.conf");
    const enabledPlugins = deployFile("rabbitmq-shovel/enabled_plugins");
    [a, b] = await Promise.all([openSite({ configuration, enabledPlugins }), openSite({ configuration })]);
    await importDefinitions(b.server.managementUrl, deployFile("rabbitmq-shovel/site-b.json"));
    const atA = deployFile("rabbitmq-shovel/site-a.json", { "shovel:secret@rabbit-b:5672": b.place });
    await importDefinitions(a.server.managementUrl, atA);
  });
  afterAll(async () => {
    await a[Symbol.asyncDispose]();
    await b[Symbol.asyncDispose]();
  });

  test("the link is cut, each broker is killed: nothing is lost, repeated or overtaken", async () => {
    await cutAndKill(bed, { a, b, carrier: b, queue: "to-site-b" });
    expect(await messagesIn(b.server.managementUrl, "unrouted"), "taken by no group").toBe(0);
  });

  test("what no group at site B takes is kept there", async () => {
    await publishBare(a.server.managementUrl, "nobody.knows");
    await waitFor(async () => (await messagesIn(b.server.managementUrl, "unrouted")) === 1, {
      deadlineMs: 30_000,
      describe: "the message in the queue of what no group takes",
    });
  });
});
