// Preloaded into the processes of amqplib's suite, which knows one place only: what it opens to port 5672, AMQP's own,
// goes to the broker under test instead.
const net = require("node:net");

const port = Number(process.env.SUITE_PORT);
const host = process.env.SUITE_HOST;
const connect = net.connect;

net.connect = (options, ...rest) =>
  Number(options?.port) === 5672 ? connect({ ...options, host, port }, ...rest) : connect(options, ...rest);
