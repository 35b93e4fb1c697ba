/** AMQP's reply codes. Those below 400 and 404 to 406 close a channel at most, the others a connection. */
export const ReplyCode = {
  success: 200,
  contentTooLarge: 311,
  noRoute: 312,
  noConsumers: 313,
  connectionForced: 320,
  invalidPath: 402,
  accessRefused: 403,
  notFound: 404,
  resourceLocked: 405,
  preconditionFailed: 406,
  frameError: 501,
  syntaxError: 502,
  commandInvalid: 503,
  channelError: 504,
  unexpectedFrame: 505,
  resourceError: 506,
  notAllowed: 530,
  notImplemented: 540,
  internalError: 541,
} as const;

/** Bytes that are no AMQP, or not what may be sent: the connection is closed with `reply`. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  /** One of `ReplyCode`. */
  readonly reply: number;
  readonly scope = "connection";
  /** The method that was at fault, 0 where none is known. */
  readonly classId: number;
  readonly methodId: number;

  constructor(reply: number, message: string, classId = 0, methodId = 0) {
    super(message);
    this.reply = reply;
    this.classId = classId;
    this.methodId = methodId;
  }
}
