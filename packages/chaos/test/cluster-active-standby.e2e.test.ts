import { rabbitmqBroker } from "@waybill/rabbitmq";
import {
  requirePart,
  startHaproxy,
  startRabbitmq,
  startRabbitmqPair,
  waitFor,
  whyNoHaproxy,
  whyNoRabbitmq,
  type HaproxyConfiguration,
} from "@waybill/services";
import { describe, expect, onTestFinished, test } from "vitest";
import { GROUP } from "../src/cluster/cluster-flow.ts";
import { deployFile } from "../src/cluster/deploy-file.ts";
import { messagesIn } from "../src/cluster/management.ts";
import { tcpForwarder } from "../src/tcp-forwarder.ts";
import { clusterBed } from "./cluster-bed.ts";

const there = requirePart("rabbitmq", whyNoRabbitmq({ own: true }));
const proxied = requirePart("haproxy", whyNoHaproxy());

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
    const broker = (): ReturnType<typeof rabbitmqBroker> => rabbitmqBroker({ url: pair.proxyUrl });
    const flow = await bed.openFlow(broker(), broker());
    const endSending = flow.keepSending();

    let taken = false;
    const takeover = pair.standby.start().then(() => (taken = true));
    await flow.recovery(() => undefined);
    expect(taken, "the standby waits while the active has the disk").toBe(false);
    await bed.timed(flow, "the active is killed", () => pair.active.kill());
    await takeover;
    const back = pair.active.start();
    await bed.timed(flow, "the standby that took over is killed", () => pair.standby.kill());
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
    line.cut();
    await waitFor(async () => (await messagesIn(active.managementUrl, `waybill.${GROUP}`)) >= 100, {
      deadlineMs: 30_000,
      describe: "messages to wait on the active",
    });
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
