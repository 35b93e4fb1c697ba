import { shownAddress, type RunningBroker } from "@waybill/server";

const NAMES_SHOWN_MAX = 10;

/** What somebody who starts a broker wants to see first: where data lies, where to connect, and who may. */
export function describeBroker(broker: RunningBroker): {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
} {
  const { dataDir, usersFile, userNames, virtualHosts, addresses, healthAddresses } = broker;
  const listens = addresses.map((address) => ({ address: shownAddress(address), tls: address.tls }));
  const health = healthAddresses.map((address) => `http://${shownAddress(address)}/health`);
  const amqp = listens.map(({ address, tls }) => `${address} ${tls ? "with TLS" : "without TLS"}`).join(", ");
  const who =
    userNames === undefined
      ? "guest from this machine only (there are no users)"
      : `${shortList(userNames)} (${usersFile})`;
  const sentences = [
    `Waybill broker is ready, process ${process.pid}`,
    `Data in ${dataDir}`,
    `AMQP 0-9-1 on ${amqp}`,
    `May connect: ${who}`,
    `Virtual hosts: ${shortList(virtualHosts)}`,
    health.length === 0 ? "No health page" : `Health on ${health.join(", ")}`,
  ];
  return {
    fields: {
      pid: process.pid,
      dataDir,
      listen: listens,
      users: userNames ?? null,
      usersFile,
      virtualHosts,
      health,
    },
    text: `${sentences.join(". ")}.`,
  };
}

function shortList(names: readonly string[]): string {
  if (names.length === 0) return "nobody";
  const more = names.length - NAMES_SHOWN_MAX;
  return names.slice(0, NAMES_SHOWN_MAX).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
