import { Body, Controller, HttpCode, Inject, Post } from "@nestjs/common";
import { PaymentsService, type Payment } from "./payments-service.ts";
import { idempotent, WAYBILL, type AppWaybill } from "./waybill-module.ts";

interface PaymentEvent extends Payment {
  readonly id: string;
}

@Controller("webhooks")
export class PaymentsController {
  @Inject(WAYBILL) readonly waybill!: AppWaybill;
  @Inject(PaymentsService) readonly payments!: PaymentsService;

  /** The provider posts an event again until it gets an answer: each has its effect once, and one answer. */
  @Post("payments")
  @HttpCode(200)
  @idempotent({ group: "provider-webhook", id: (event: PaymentEvent) => event.id, storeResult: true })
  async paid(@Body() event: PaymentEvent): Promise<{ paymentId: number }> {
    return { paymentId: await this.payments.book({ orderId: event.orderId, cents: event.cents }) };
  }

  /** The order of decorators does not matter. A duplicate answers nothing here, and the type says so. */
  @idempotent({ group: "provider-refunds", id: (event: PaymentEvent) => event.id })
  @Post("refunds")
  async refunded(@Body() event: PaymentEvent): Promise<{ paymentId: number } | undefined> {
    return { paymentId: await this.payments.book({ orderId: event.orderId, cents: -event.cents }) };
  }
}
