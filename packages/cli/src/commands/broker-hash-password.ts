import { Command } from "commander";
import { readAndHash } from "../broker/hashed.ts";

/** `waybill broker hash-password`: for a users file that is written elsewhere. */
export function brokerHashPasswordCommand(): Command {
  return new Command("hash-password")
    .description("print the hash of a password, for a users file made elsewhere; asks for it, or reads stdin")
    .action(async () => console.log(await readAndHash()));
}
