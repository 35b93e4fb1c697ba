// Takes webhooks on PORT. Compiled first: Node does not run decorators as they are.
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import { PaymentsController } from "./payments-controller.ts";
import { PaymentsService } from "./payments-service.ts";
import { WaybillModule } from "./waybill-module.ts";

@Module({ imports: [WaybillModule], controllers: [PaymentsController], providers: [PaymentsService] })
class AppModule {}

const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), {
  logger: ["error", "warn"],
});
app.enableShutdownHooks();
await app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1");
console.log(JSON.stringify({ event: "ready", address: await app.getUrl() }));
