export { fileError } from "./fault-plan.ts";
export type { Fault, FileOperation } from "./fault-plan.ts";
export { FaultyFileSystem } from "./faulty-file-system.ts";
export { SimulatedDisk } from "./simulated-disk.ts";
export type { Random } from "./simulated-file.ts";
