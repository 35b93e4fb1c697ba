export { describeStorage } from "./storage/describe-storage.ts";
export type { StorageBed } from "./storage/storage-bed.ts";
