export { createTestBed } from "./create-test-bed.ts";
export type {
  CommonBedOptions,
  DeadMessage,
  HandledMessage,
  MemoryBedOptions,
  MemoryTestBed,
  ParkedCount,
  SettleOptions,
  StorageBedOptions,
  TestBed,
} from "./test-bed.ts";
export type { BedMessage, MessageOf } from "./bed-message.ts";
export { CRASH_POINTS } from "./crash-point.ts";
export type { AwaitPoint, CrashPhase, CrashPoint, NamedCrashPoint } from "./crash-point.ts";
export { crashEverywhere } from "./crash-everywhere.ts";
export type { CrashPlan, CrashReport } from "./crash-everywhere.ts";
export { fakeClock } from "./fake-clock.ts";
export type { FakeClock } from "./fake-clock.ts";
