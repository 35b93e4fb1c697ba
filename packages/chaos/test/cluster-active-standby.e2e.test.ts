import { rabbitmqBroker } from "@waybill/rabbitmq";
import {
  requirePart,
  startHaproxy,
  startRabbitmq,
  startRabbitmqPair,
  whyNoHaproxy,
  whyNoRabbitmq,
  type HaproxyConfiguration,
} from "@waybill/services";
import { describe, expect, onTestFinished, test } from "vitest";
import { GROUP } from "../src/cluster/cluster-flow.ts";
import { deployFile } from "../src/cluster/deploy-file.ts";
import { pileUp } from "../src/cluster/pile-up.ts";
import { tcpForwarder } from "../src/tcp-forwarder.ts";
import { clusterBed } from "./cluster-bed.ts";

const there = requirePart("rabbitmq", whyNoRabbitmq({ own: true }));
const proxied = requirePart("haproxy", whyNoHaproxy());

const QUEUE = `waybill.${GROUP}`;

const proxy: HaproxyConfiguration = ({ port, backends: [active, standby] }) =>
  deployFile("rabbitmq-active-standby/haproxy.cfg", {
    "bind :5672": `bind 127.0.0.1:${port}`,
    "rabbit-a:5672": `127.0.0.1:${active}`,
    "rabbit-b:5672": `127.0.0.1:${standby}`,
  });

describe.runIf(there && proxied)("active and standby behind HAProxy", () => {
  const bed = clusterBed("rabbitmq-active-standby");

  test("a standby takes over the disk of the active that is killed, and back: nothing is lost, repeated or overtaken", async () => {
    const configuration = deployFile("rabbitmq-active-standby/rabbitmq.conf");
    const pair = await startRabbitmqPair({ configuration, proxy });
    onTestFinished(() => pair[Symbol.asyncDispose]());
    const { active, standby, proxyUrl } = pair;
    const line = await tcpForwarder(proxyUrl);
    onTestFinished(() => line[Symbol.asyncDispose]());
    const flow = await bed.openFlow(rabbitmqBroker({ url: proxyUrl }), rabbitmqBroker({ url: line.url }));
    const endSending = flow.keepSending();

    let taken = false;
    const takeover = standby.start().then(() => (taken = true));
    await pileUp(line, active.managementUrl, QUEUE);
    expect(taken, "the standby waits while the active has the disk").toBe(false);
    await bed.timed(flow, "the active is killed with a hundred messages waiting", async () => {
      await active.kill();
      line.forwardTo(proxyUrl);
    });
    await takeover;
    const back = active.start();
    await pileUp(line, standby.managementUrl, QUEUE);
    await bed.timed(flow, "the standby that took over is killed with as many", async () => {
      await standby.kill();
      line.forwardTo(proxyUrl);
    });
    await back;
    await endSending();
    await bed.expectFlawless(flow, 100);
  });

  test("a standby that shares nothing: what waits on the active comes when it is back, once, but late", async () => {
    const [active, standby] = await Promise.all([startRabbitmq(), startRabbitmq()]);
    onTestFinished(() => active[Symbol.asyncDispose]());
    onTestFinished(() => standby[Symbol.asyncDispose]());
    const ports = [active, standby].map(({ url }) => Number(new URL(url).port));
    const haproxy = await startHaproxy({ backends: ports, configuration: proxy });
    onTestFinished(() => haproxy[Symbol.asyncDispose]());
    const line = await tcpForwarder(active.url);
    onTestFinished(() => line[Symbol.asyncDispose]());
    const flow = await bed.openFlow(
      rabbitmqBroker({ url: `amqp://guest:guest@127.0.0.1:${haproxy.port}` }),
      rabbitmqBroker({ url: line.url }),
      rabbitmqBroker({ url: standby.url }),
    );
    const endSending = flow.keepSending();
    await pileUp(line, active.managementUrl, QUEUE);
    await bed.timed(flow, "the active is killed, the standby shares nothing", () => active.kill());
    await endSending();
    expect((await flow.audit()).lost, "confirmed, and on the disk of the active").toBeGreaterThanOrEqual(100);
    await active.start();
    line.forwardTo(active.url);
    const { committed, inverted, ...found } = await bed.audited(flow);
    expect(found).toEqual({ effects: committed, lost: 0, unexpected: 0, duplicated: 0, miscounted: 0 });
    expect(inverted, "later ones of their keys were first").toBeGreaterThan(0);
  });
});
