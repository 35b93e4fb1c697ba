import { rabbitmqBroker } from "@waybill/rabbitmq";
import { requirePart, whyNoRabbitmq } from "@waybill/services";
import { afterAll, beforeAll, describe, test } from "vitest";
import { deployFile } from "../src/cluster/deploy-file.ts";
import { importDefinitions } from "../src/cluster/management.ts";
import { pileUp } from "../src/cluster/pile-up.ts";
import { openSite, type Site } from "../src/cluster/open-site.ts";
import { clusterBed } from "./cluster-bed.ts";

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
      openSite({ configuration: deployFile("rabbitmq-federation/site-a.conf") }),
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
    const flow = await bed.openFlow(
      rabbitmqBroker({ url: a.server.url }),
      rabbitmqBroker({ url: b.server.url }),
    );
    const endSending = flow.keepSending();
    await pileUp(a.line, a.server.managementUrl, UPSTREAM_QUEUE);
    await bed.timed(flow, "the link was cut and is back", () => a.line.forwardTo(a.server.url));
    await bed.timed(flow, "site B is killed and started again", async () => {
      await b.server.kill();
      await b.server.start();
    });
    await pileUp(a.line, a.server.managementUrl, UPSTREAM_QUEUE);
    await bed.timed(flow, "site A is killed with a hundred messages waiting, and started again", async () => {
      await a.server.kill();
      await a.server.start();
      a.line.forwardTo(a.server.url);
    });
    await endSending();
    await bed.expectFlawless(flow, 100);
  });
});
