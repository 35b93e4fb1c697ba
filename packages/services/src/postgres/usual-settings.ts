/** What every server of this repository is started with. */
export const usualSettings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  max_prepared_transactions: "20",
  wal_level: "logical",
} as const;
