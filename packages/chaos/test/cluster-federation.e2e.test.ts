import { requirePart, whyNoRabbitmq } from "@waybill/services";
import { afterAll, beforeAll, describe, test } from "vitest";
import { deployFile } from "../src/cluster/deploy-file.ts";
import { importDefinitions } from "../src/cluster/management.ts";
import { openSite, type Site } from "../src/cluster/open-site.ts";
import { clusterBed } from "./cluster-bed.ts";
import { cutAndKill } from "./cut-and-kill.ts";

const there = requirePart("rabbitmq", whyNoRabbitmq({ own: true }));

/** What federation makes at site A for the exchange of site B. */
const UPSTREAM_QUEUE = "federation: waybill -> site-b";

describe.runIf(there)("federation between two brokers", () => {
  const bed = clusterBed("rabbitmq-federation");
  let a: Site;
  let b: Site;
  beforeAll(async () => {
    const enabledPlugins = deployFile("rabbitmq-federation/enabled_plugins");
    [a, b] = await Promise.all([
      openSite({ configuration: deployFile("rabbitmq-federation/site-a.conf"), enabledPlugins }),
      openSite({ configuration: deployFile("rabbitmq-federation/site-b.conf"), enabledPlugins }),
    ]);
    const atB = deployFile("rabbitmq-federation/site-b.json", { "federation:secret@rabbit-a:5672": a.place });
    await importDefinitions(b.server.managementUrl, atB);
  });
  afterAll(async () => {
    await a[Symbol.asyncDispose]();
    await b[Symbol.asyncDispose]();
  });

  test("the link is cut, each broker is killed: nothing is lost, repeated or overtaken", async () => {
    await cutAndKill(bed, { a, b, carrier: a, queue: UPSTREAM_QUEUE });
  });
});
