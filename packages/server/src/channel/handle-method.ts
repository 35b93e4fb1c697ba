import type { Method, MethodName } from "@waybill/amqp";
import { connectionError } from "../replies/closing-error.ts";
import { cancel, consume, flow, get, limitPrefetch, recover } from "./basic-methods.ts";
import type { Channel } from "./channel.ts";
import { bindExchange, declareExchange, deleteExchange, unbindExchange } from "./exchange-methods.ts";
import { bindQueue, declareQueue, deleteQueue, purgeQueue, unbindQueue } from "./queue-methods.ts";

type Handler<Name extends MethodName> = (channel: Channel, method: Method<Name>) => Promise<void> | void;

/** What a client may ask for on an open channel. */
const HANDLERS: { readonly [Name in MethodName]?: Handler<Name> } = {
  "basic.nack": ({ session }, { deliveryTag, multiple, requeue }) =>
    session.reject(deliveryTag, multiple, requeue),
  "basic.reject": ({ session }, { deliveryTag, requeue }) => session.reject(deliveryTag, false, requeue),
  "basic.get": get,
  "basic.qos": limitPrefetch,
  "basic.consume": consume,
  "basic.cancel": cancel,
  "basic.cancel-ok": () => {},
  "basic.recover": recover,
  "basic.recover-async": recover,
  "queue.declare": declareQueue,
  "queue.bind": bindQueue,
  "queue.unbind": unbindQueue,
  "queue.purge": purgeQueue,
  "queue.delete": deleteQueue,
  "exchange.declare": declareExchange,
  "exchange.delete": deleteExchange,
  "exchange.bind": bindExchange,
  "exchange.unbind": unbindExchange,
  "confirm.select": (channel, { nowait }) => {
    channel.startConfirming();
    if (!nowait) channel.reply({ name: "confirm.select-ok" });
  },
  "channel.flow": flow,
  "channel.flow-ok": () => {},
  // Realms are of AMQP 0-8; old clients still ask.
  "access.request": (channel) => channel.reply({ name: "access.request-ok", ticket: 1 }),
  "tx.select": refuseTransaction,
  "tx.commit": refuseTransaction,
  "tx.rollback": refuseTransaction,
  "channel.open": () => {
    throw connectionError(504, "second 'channel.open' seen");
  },
};

/**
 * Does what a client asks for. A promise means that nothing more of this channel may be handled before it is settled.
 *
 * @throws Refusal or rejects with one
 */
export function handleMethod(channel: Channel, method: Method): Promise<void> | void {
  // These two come for every message.
  if (method.name === "basic.publish") return channel.begin(method);
  if (method.name === "basic.ack") {
    channel.host.counters.messagesAcked += channel.session.ack(method.deliveryTag, method.multiple);
    return;
  }
  const handler = HANDLERS[method.name] as Handler<MethodName> | undefined;
  if (handler === undefined) throw connectionError(503, `unexpected method ${method.name}`);
  return handler(channel, method);
}

function refuseTransaction(): never {
  throw connectionError(540, "transactions are not supported: use publisher confirms");
}
