export { installed } from "./errors/installed.ts";
export { settledWithin } from "./ports/settled-within.ts";
export { untilAborted } from "./ports/until-aborted.ts";
export { messageIds } from "./message/message-id.ts";
export { orderOf } from "./message/order-of.ts";
export { JSON_CONTENT } from "./message/payload.ts";
export { RangeSet } from "./memory/range-set.ts";
export type { Range } from "./memory/range-set.ts";
