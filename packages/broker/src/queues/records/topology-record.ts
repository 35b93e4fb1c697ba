import { decodeTable, encodeTable } from "@waybill/amqp";
import type { FieldTable as WireTable } from "@waybill/amqp";
import type { RecordSource } from "@waybill/log";
import { jsonRecord } from "../../storage/json-record.ts";
import type { ExchangeSpec, FieldTable, QueueSpec } from "../contract.ts";
import { KIND, VERSION } from "./kinds.ts";

/** A binding by the names of its ends. */
export interface StoredBinding {
  readonly virtualHost: string;
  readonly source: string;
  readonly toQueue: boolean;
  readonly destination: string;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** A change of what is declared. Applied twice in the order of the log, each leads to the same. */
export type TopologyChange =
  | { readonly op: "add-host" | "drop-host"; readonly virtualHost: string }
  | { readonly op: "add-exchange"; readonly virtualHost: string; readonly exchange: ExchangeSpec }
  | { readonly op: "drop-exchange"; readonly virtualHost: string; readonly name: string }
  | { readonly op: "add-queue"; readonly virtualHost: string; readonly id: number; readonly queue: QueueSpec }
  | { readonly op: "drop-queue"; readonly id: number }
  | ({ readonly op: "bind" | "unbind" } & StoredBinding);

/*
 *      0      1         2
 *      +------+---------+------------------
 *      | 17   |    1    | JSON, UTF-8; field tables in it as AMQP writes them, in base64
 *      +------+---------+------------------
 */
export function encodeTopology(change: TopologyChange): RecordSource {
  const json = JSON.stringify(change, (name, value: unknown) =>
    name === "arguments" ? encodeTable(value as WireTable).toString("base64") : value,
  );
  return jsonRecord(KIND.topology, VERSION, json);
}

export function decodeTopology(data: Buffer): TopologyChange {
  return JSON.parse(data.toString("utf8", 2), (name, value: unknown) =>
    name === "arguments" ? decodeTable(Buffer.from(String(value), "base64")) : value,
  ) as TopologyChange;
}
