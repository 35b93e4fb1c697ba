import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CERTIFICATE, PRIVATE_KEY } from "../certificate.ts";

export interface RabbitmqTls {
  readonly port: number;
  /** Whether a client must show a certificate of the server's own authority. */
  readonly clientCertificate?: "required";
}

/** Lines of `rabbitmq.conf`; the files that they name are written to `folder`. */
export function tlsLines(folder: string, { port, clientCertificate }: RabbitmqTls): string[][] {
  const written = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const certificate = written("certificate.pem", CERTIFICATE);
  const isRequired = clientCertificate === "required";
  return [
    ["listeners.ssl.1", `127.0.0.1:${port}`],
    ["ssl_options.cacertfile", certificate],
    ["ssl_options.certfile", certificate],
    ["ssl_options.keyfile", written("key.pem", PRIVATE_KEY)],
    ["ssl_options.verify", isRequired ? "verify_peer" : "verify_none"],
    ["ssl_options.fail_if_no_peer_cert", String(isRequired)],
  ];
}
