import { connect } from "amqplib";
import { describe, expect, test } from "vitest";
import { testFolder } from "@waybill/services/vitest";
import { againstRabbitmq, startWaybill, testBroker } from "../support/broker-target.ts";
import { notApplicable } from "./amqplib/not-applicable.ts";
import { layOutSuite, runSuite, type SuiteCase } from "./amqplib/run-suite.ts";

/** How many there are in the suite of amqplib 2.2.0: fewer would mean that files were not found or did not load. */
const CASES = 336;

const bed = testBroker();

test("amqplib's own test suite passes, but for the cases that are listed with a reason", async () => {
  const cases = await runSuite(layOutSuite(testFolder()), bed.broker);
  const failed = cases.filter(({ passed, skipped }) => !passed || skipped);
  const expected = againstRabbitmq ? [] : Object.keys(notApplicable);
  const unexpected = failed.filter((one) => !expected.includes(titleOf(one)));
  expect(unexpected.map((one) => `${titleOf(one)}\n${one.error}`)).toEqual([]);
  // A case that passes after all is no longer to be listed.
  expect(failed.map(titleOf)).toEqual(expected);
  expect(cases.length).toBeGreaterThanOrEqual(CASES);
});

describe.skipIf(againstRabbitmq)("what a case stands for that cannot apply", () => {
  test("the server tells its product", async () => {
    const client = await connect(bed.broker.url);
    expect(client.connection.serverProperties.product).toBe("Waybill");
    await client.close();
  });

  test("the cases on IPv6 pass on a server that listens there", async () => {
    await using broker = await startWaybill({ host: "::1" });
    const cases = await runSuite(layOutSuite(testFolder()), broker, "ipv6");
    const tried = cases.filter(({ file }) => file === "connect.test.js");
    expect(tried).toMatchObject([{ passed: true, skipped: false }]);
  });
});

function titleOf({ file, name }: SuiteCase): string {
  return `${file}: ${name}`;
}
