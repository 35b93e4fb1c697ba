/** The cases of amqplib's suite that cannot hold for this broker, each with the reason. */
export const notApplicable: Readonly<Record<string, string>> = {
  "connect.test.js: Connect > Connect API > serverProperties":
    "It wants the product to be named RabbitMQ. This broker names itself: Waybill.",
};
