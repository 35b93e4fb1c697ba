export { provenOffsetOf } from "./inspect/proven-offset.ts";
export { replaceStoredMessages, storedMessages, swapStoredMessages } from "./inspect/stored-messages.ts";
export type { StoredMessage } from "./inspect/stored-messages.ts";
export { decodeMessage, MessageRecord } from "./records/message-record.ts";
