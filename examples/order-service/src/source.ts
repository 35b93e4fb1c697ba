/** The name of this service: recorded in Waybill's schema, and part of every message. */
export const SOURCE = "order-service";
