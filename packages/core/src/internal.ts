export { untilAborted } from "./ports/until-aborted.ts";
export { messageIds } from "./message/message-id.ts";
