import { ServiceProcess, type OnCrash } from "./service-process.ts";

const SERVER = new URL("../src/server.ts", import.meta.url);

/** Starts the HTTP service on a free port. */
export async function startServer(databaseUrl: string, onCrash: OnCrash): Promise<ServerProcess> {
  const service = new ServiceProcess(
    "the HTTP service",
    SERVER,
    { DATABASE_URL: databaseUrl, PORT: "0" },
    onCrash,
  );
  try {
    const { address } = await service.child.ready();
    return {
      address: String(address),
      stop: () => service.stop(),
      [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
    };
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
}

export interface ServerProcess extends AsyncDisposable {
  /** Such as `http://127.0.0.1:3000`. */
  readonly address: string;
  stop(): Promise<void>;
}
