export { messageIds } from "./message/message-id.ts";
