import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Broker } from "@waybill/core";
import { describeBroker } from "@waybill/conformance";
import { nativeBroker } from "@waybill/broker";

interface NativeBed {
  readonly broker: Broker;
  readonly dataDir: string;
  dispose(): Promise<void>;
}

describeBroker<NativeBed>("native", {
  features: {
    orderedByKey: true,
    fencing: true,
    prefixAcceptance: true,
    deduplicates: true,
    durable: true,
    payloadBytesMax: 1024 * 1024,
  },
  async create() {
    const dataDir = await mkdtemp(join(tmpdir(), "waybill-broker-"));
    const broker = nativeBroker({ dataDir, fillAheadBytes: 65_536 });
    const dispose = async (): Promise<void> => {
      await broker[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    };
    return { broker, dataDir, dispose };
  },
  async restart({ broker, dataDir }) {
    await broker[Symbol.asyncDispose]();
    return nativeBroker({ dataDir, fillAheadBytes: 65_536 });
  },
});
