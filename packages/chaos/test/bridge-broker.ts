import { nativeBroker, type NativeBrokerOptions } from "@waybill/broker";
import type { Broker } from "@waybill/core";
import { kafkaBroker, type KafkaBrokerOptions } from "@waybill/kafka";
import { rabbitmqBroker, type RabbitmqBrokerOptions } from "@waybill/rabbitmq";

/** Where a broker is, as a configuration names it: plain data. */
export type BrokerPlace =
  | { readonly native: NativeBrokerOptions }
  | { readonly rabbitmq: RabbitmqBrokerOptions }
  | { readonly kafka: KafkaBrokerOptions };

export function brokerAt(place: BrokerPlace): Broker {
  if ("native" in place) return nativeBroker(place.native);
  if ("rabbitmq" in place) return rabbitmqBroker(place.rabbitmq);
  return kafkaBroker(place.kafka);
}
