import { memoryBroker, memoryStorage, type Broker, type MemoryBroker, type Storage } from "@waybill/core";
import { Bed, type BedParts } from "./bed.ts";
import { fakeClock } from "./fake-clock.ts";
import type {
  CommonBedOptions,
  MemoryBedOptions,
  MemoryTestBed,
  StorageBedOptions,
  TestBed,
} from "./test-bed.ts";

const PATIENCE_MS = 2_000;

/**
 * Makes a bed for a test. By default storage and broker are in memory, under a clock that only `advance` moves; with
 * `storage` it works on your own database (migrated, best a database of the test's own), whose clock decides what is
 * due. Nothing runs until `settle`.
 *
 * @throws what `setup` throws, and WaybillError `OPTIONS_INVALID` for options that Waybill refuses
 */
export function createTestBed<B extends Broker = MemoryBroker>(
  options: MemoryBedOptions<B>,
): MemoryTestBed<B>;
export function createTestBed<Tx, B extends Broker = MemoryBroker>(
  options: StorageBedOptions<Tx, B>,
): TestBed<Tx, Storage<Tx>, B>;
export function createTestBed<Tx, B extends Broker>(
  options: StorageBedOptions<Tx, B> | MemoryBedOptions<B>,
): TestBed<Tx, Storage<Tx>, B> {
  const own = options.storage === undefined ? undefined : options;
  const clock = own?.clock ?? fakeClock();
  const { source = "test" } = options;
  // Without a storage or broker of its own, `Tx` and `B` are those of the memory adapters: the overloads say so.
  const storage = own?.storage ?? (memoryStorage({ source, clock }) as unknown as Storage<Tx>);
  const broker = options.broker ?? (memoryBroker({ clock }) as unknown as B);
  const parts: BedParts<Tx, Storage<Tx>, B> = {
    source,
    makeStorage: typeof storage === "function" ? storage : () => storage,
    makeBroker: typeof broker === "function" ? broker : () => broker,
    setup: options.setup as CommonBedOptions<Tx>["setup"],
    topics: options.topics ?? [],
    consumer: options.consumer ?? {},
    relay: options.relay ?? {},
    onEvent: options.onEvent ?? (() => undefined),
    patienceMs: options.patienceMs ?? PATIENCE_MS,
    clock,
    fakeTime: own === undefined || own.clock !== undefined,
  };
  return new Bed(parts);
}
