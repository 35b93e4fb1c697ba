import { openQueueEngine } from "@waybill/broker/queues";
import { startServer } from "@waybill/server";

/** Waybill's AMQP server in a process of its own. */
const { DATA_DIR } = process.env;
if (DATA_DIR === undefined) throw new Error("set DATA_DIR");

const engine = await openQueueEngine({ dataDir: DATA_DIR });
if (engine.virtualHost("/") === undefined) await engine.createVirtualHost("/");
const everything = { user: "guest", mayEnter: () => true, may: () => true };
const server = await startServer({
  engine,
  authenticator: { authenticate: async () => everything },
  listen: [{ host: "127.0.0.1", port: 0 }],
});
console.log(JSON.stringify({ event: "ready", port: server.addresses[0]?.port }));

process.once("SIGTERM", () => {
  void server
    .close()
    .then(() => engine.close())
    .then(() => process.exit(0));
});
