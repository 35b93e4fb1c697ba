/** How RabbitMQ begins the text of each reply. Clients look at it. */
const NAMES: Readonly<Record<number, string | undefined>> = {
  311: "CONTENT_TOO_LARGE",
  312: "NO_ROUTE",
  320: "CONNECTION_FORCED",
  403: "ACCESS_REFUSED",
  404: "NOT_FOUND",
  405: "RESOURCE_LOCKED",
  406: "PRECONDITION_FAILED",
  501: "FRAME_ERROR",
  502: "SYNTAX_ERROR",
  503: "COMMAND_INVALID",
  504: "CHANNEL_ERROR",
  505: "UNEXPECTED_FRAME",
  506: "RESOURCE_ERROR",
  530: "NOT_ALLOWED",
  540: "NOT_IMPLEMENTED",
  541: "INTERNAL_ERROR",
};

const TEXT_BYTES_MAX = 255;

/** `text` with the name of the reply before it, unless it has it, and as short as AMQP wants it. */
export function replyText(reply: number, text: string): string {
  const name = NAMES[reply] ?? "INTERNAL_ERROR";
  const whole = text.startsWith(name) ? text : `${name} - ${text}`;
  const bytes = Buffer.from(whole);
  if (bytes.length <= TEXT_BYTES_MAX) return whole;
  // A character that the cut goes through becomes one replacement of three bytes.
  return bytes
    .subarray(0, TEXT_BYTES_MAX - 2)
    .toString()
    .slice(0, -1);
}
