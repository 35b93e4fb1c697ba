import { memoryBroker, memoryStorage, type Broker, type MemoryBroker, type Storage } from "@waybill/core";
import { Bed, type BedParts } from "./bed.ts";
import { fakeClock } from "./fake-clock.ts";
import type { MemoryBedOptions, MemoryTestBed, StorageBedOptions, TestBed } from "./test-bed.ts";

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
export function createTestBed<Tx, S extends Storage<Tx> = Storage<Tx>, B extends Broker = MemoryBroker>(
  options: StorageBedOptions<Tx, S, B>,
): TestBed<Tx, S, B>;
export function createTestBed<Tx, S extends Storage<Tx>, B extends Broker>(
  options: StorageBedOptions<Tx, S, B> | MemoryBedOptions<B>,
): TestBed<Tx, S, B> {
  const own = options.storage === undefined ? undefined : options;
  const clock = own?.clock ?? fakeClock();
  const { source = "test", broker } = options;
  // Without a storage of its own, `Tx` and `S` are those of the memory storage: the overloads say so.
  const storage = own?.storage ?? (memoryStorage({ source, clock }) as unknown as S);
  const made = broker ?? (memoryBroker({ clock }) as unknown as B);
  const parts: BedParts<Tx, S, B> = {
    source,
    makeStorage: typeof storage === "function" ? storage : () => storage,
    makeBroker: typeof made === "function" ? made : () => made,
    setup: options.setup as BedParts<Tx, S, B>["setup"],
    topics: options.topics ?? [],
    consumer: options.consumer ?? {},
    relay: options.relay ?? {},
    onEvent: options.onEvent ?? (() => undefined),
    patienceMs: options.patienceMs ?? 2_000,
    clock,
    fakeTime: own === undefined || own.clock !== undefined,
  };
  return new Bed(parts);
}
