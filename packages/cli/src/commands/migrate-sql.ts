import { WaybillError } from "@waybill/core";
import { plainSql, plainSqlDown } from "@waybill/migrations";
import { Command } from "commander";
import { partitionsOption, schemaOption, sourceOption } from "../options.ts";

interface SqlOptions {
  readonly schema: string;
  readonly source: string;
  readonly partitions: number;
  readonly down?: boolean;
}

/** `waybill migrate sql`: the same migrations as plain SQL. Connects to nothing. */
export function migrateSqlCommand(): Command {
  return new Command("sql")
    .description("print the migrations as plain SQL")
    .addOption(sourceOption())
    .addOption(schemaOption())
    .addOption(partitionsOption())
    .option("--down", "print the way back instead")
    .action(sql);
}

function sql({ down, ...options }: SqlOptions): void {
  try {
    process.stdout.write(`${down === true ? plainSqlDown(options) : plainSql(options)}\n`);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new WaybillError("OPTIONS_INVALID", error.message, { cause: error });
  }
}
