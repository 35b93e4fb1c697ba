import { expect, test } from "vitest";
import { checkTopicSettings } from "../src/topology/topic-settings.ts";

const SAFE = {
  "cleanup.policy": "delete",
  "min.insync.replicas": "2",
  "unclean.leader.election.enable": "false",
};

test("settings under which confirmed messages stay are accepted, also when they may not be read", () => {
  checkTopicSettings("t", 3, SAFE);
  checkTopicSettings("t", 1, {
    ...SAFE,
    "min.insync.replicas": "1",
    "unclean.leader.election.enable": "true",
  });
  checkTopicSettings("t", 3, {});
});

test("each unsafe setting is refused with what to set", () => {
  const refused = (change: Record<string, string>) => (): void =>
    checkTopicSettings("t", 3, { ...SAFE, ...change });
  expect(refused({ "cleanup.policy": "compact,delete" })).toThrow("cleanup.policy=delete");
  expect(refused({ "min.insync.replicas": "1" })).toThrow("min.insync.replicas=2");
  expect(refused({ "unclean.leader.election.enable": "true" })).toThrow(
    "unclean.leader.election.enable=false",
  );
});
