/** Why an order was not taken. `statusCode` is what fastify answers with. */
export class OrderRefused extends Error {
  override readonly name = "OrderRefused";
  readonly code: "UNKNOWN_CUSTOMER" | "CREDIT_LIMIT_EXCEEDED" | "ORDER_ID_TAKEN";
  readonly statusCode: number;

  constructor(code: OrderRefused["code"], message: string) {
    super(message);
    this.code = code;
    this.statusCode = code === "UNKNOWN_CUSTOMER" ? 422 : 409;
  }
}
