import { PrismaPg } from "@prisma/adapter-pg";
import * as runtime from "@prisma/client/runtime/client";

/** Modules of the package that have no types; neither has `WebAssembly`, without the types of browsers. */
const compiler: string = "@prisma/client/runtime/query_compiler_fast_bg.postgresql.mjs";
const compilerWasm: string = "@prisma/client/runtime/query_compiler_fast_bg.postgresql.wasm-base64.mjs";
declare const WebAssembly: { readonly Module: new (bytes: Uint8Array) => never };

/**
 * What `prisma generate` 7.10.0 writes for `model Payment { id String @id  amount Int  @@map("payments") }`, without its
 * types: the real client without a Rust engine, on the adapter for pg. Generating needs Prisma's command line, which
 * wants to download a binary that nothing here uses.
 */
const config: runtime.GetPrismaClientConfig = {
  previewFeatures: [],
  clientVersion: "7.10.0",
  engineVersion: "0edf323efd1d98336f3f0a68684b56f689b900d3",
  activeProvider: "postgresql",
  inlineSchema: `generator client {
  provider   = "prisma-client"
  output     = "../generated"
  engineType = "client"
}

datasource db {
  provider = "postgresql"
}

model Payment {
  id     String @id
  amount Int

  @@map("payments")
}
`,
  runtimeDataModel: JSON.parse(
    '{"models":{"Payment":{"fields":[{"name":"id","kind":"scalar","type":"String"},{"name":"amount","kind":"scalar","type":"Int"}],"dbName":"payments","schema":null}},"enums":{},"types":{}}',
  ) as runtime.GetPrismaClientConfig["runtimeDataModel"],
  parameterizationSchema: {
    strings: JSON.parse(
      '["where","Payment.findUnique","Payment.findUniqueOrThrow","orderBy","cursor","Payment.findFirst","Payment.findFirstOrThrow","Payment.findMany","data","Payment.createOne","Payment.createMany","Payment.createManyAndReturn","Payment.updateOne","Payment.updateMany","Payment.updateManyAndReturn","create","update","Payment.upsertOne","Payment.deleteOne","Payment.deleteMany","having","_count","_avg","_sum","_min","_max","Payment.groupBy","Payment.aggregate","AND","OR","NOT","id","amount","equals","in","notIn","lt","lte","gt","gte","not","contains","startsWith","endsWith","set","increment","decrement","multiply","divide"]',
    ) as string[],
    graph:
      "KwsQBRwAACIAMB0AAAQAEB4AACIAMB8BAAAAASACACQAIQEAAAABACABAAAAAQAgBRwAACIAMB0AAAQAEB4AACIAMB8BACMAISACACQAIQADAAAABAAgAwAABQAwBAAAAQAgAwAAAAQAIAMAAAUAMAQAAAEAIAMAAAAEACADAAAFADAEAAABACACHwEAAAABIAIAAAABAQgAAAkAIAIfAQAAAAEgAgAAAAEBCAAACwAwAQgAAAsAMAIfAQAqACEgAgArACECAAAAAQAgCAAADgAgAh8BACoAISACACsAIQIAAAAEACAIAAAQACACAAAABAAgCAAAEAAgAwAAAAEAIA8AAAkAIBAAAA4AIAEAAAABACABAAAABAAgBRUAACUAIBYAACYAIBcAACkAIBgAACgAIBkAACcAIAUcAAAaADAdAAAXABAeAAAaADAfAQAbACEgAgAcACEDAAAABAAgAwAAFgAwFAAAFwAgAwAAAAQAIAMAAAUAMAQAAAEAIAUcAAAaADAdAAAXABAeAAAaADAfAQAbACEgAgAcACEOFQAAHgAgGAAAIQAgGQAAIQAgIQEAAAABIgEAAAAEIwEAAAAEJAEAAAABJQEAAAABJgEAAAABJwEAAAABKAEAIAAhKQEAAAABKgEAAAABKwEAAAABDRUAAB4AIBYAAB8AIBcAAB4AIBgAAB4AIBkAAB4AICECAAAAASICAAAABCMCAAAABCQCAAAAASUCAAAAASYCAAAAAScCAAAAASgCAB0AIQ0VAAAeACAWAAAfACAXAAAeACAYAAAeACAZAAAeACAhAgAAAAEiAgAAAAQjAgAAAAQkAgAAAAElAgAAAAEmAgAAAAEnAgAAAAEoAgAdACEIIQIAAAABIgIAAAAEIwIAAAAEJAIAAAABJQIAAAABJgIAAAABJwIAAAABKAIAHgAhCCEIAAAAASIIAAAABCMIAAAABCQIAAAAASUIAAAAASYIAAAAAScIAAAAASgIAB8AIQ4VAAAeACAYAAAhACAZAAAhACAhAQAAAAEiAQAAAAQjAQAAAAQkAQAAAAElAQAAAAEmAQAAAAEnAQAAAAEoAQAgACEpAQAAAAEqAQAAAAErAQAAAAELIQEAAAABIgEAAAAEIwEAAAAEJAEAAAABJQEAAAABJgEAAAABJwEAAAABKAEAIQAhKQEAAAABKgEAAAABKwEAAAABBRwAACIAMB0AAAQAEB4AACIAMB8BACMAISACACQAIQshAQAAAAEiAQAAAAQjAQAAAAQkAQAAAAElAQAAAAEmAQAAAAEnAQAAAAEoAQAhACEpAQAAAAEqAQAAAAErAQAAAAEIIQIAAAABIgIAAAAEIwIAAAAEJAIAAAABJQIAAAABJgIAAAABJwIAAAABKAIAHgAhAAAAAAABLAEAAAABBSwCAAAAAS0CAAAAAS4CAAAAAS8CAAAAATACAAAAAQAAAAAFFQAGFgAHFwAIGAAJGQAKAAAAAAAFFQAGFgAHFwAIGAAJGQAKAQIBAgMBBQYBBgcBBwgBCQoBCgwCCw0DDA8BDRECDhIEERMBEhQBExUCGhgFGxkL",
  },
  compilerWasm: {
    getRuntime: async () => (await import(compiler)) as never,
    getQueryCompilerWasmModule: async () => {
      const { wasm } = (await import(compilerWasm)) as { wasm: string };
      return new WebAssembly.Module(Buffer.from(wasm, "base64"));
    },
    importName: "./query_compiler_fast_bg.js",
  },
};

/** The part of the generated types that the tests use. */
export interface PaymentClient {
  readonly payment: {
    create(args: { readonly data: { readonly id: string; readonly amount: number } }): Promise<unknown>;
  };
  $queryRawUnsafe<T = unknown>(sql: string, ...values: unknown[]): Promise<T>;
  $connect(): Promise<void>;
  $disconnect(): Promise<void>;
  $transaction<R>(
    work: (tx: Omit<PaymentClient, runtime.ITXClientDenyList>) => Promise<R>,
    options?: { readonly isolationLevel?: "ReadCommitted" | "RepeatableRead" | "Serializable" },
  ): Promise<R>;
}

/** A client on a pool of its own. */
export function paymentClient(connectionString: string): PaymentClient {
  const Client = runtime.getPrismaClient(config) as unknown as new (options: object) => PaymentClient;
  return new Client({ adapter: new PrismaPg({ connectionString }) });
}
