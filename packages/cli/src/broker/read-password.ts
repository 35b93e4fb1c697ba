import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { WaybillError } from "@waybill/core";

const BYTES_MAX = 4_096;

/**
 * Asks for a password twice without showing it; or, when nobody sits there, takes what stands in stdin, without the line
 * break at its end. A password never stands in an argument, where every user of the machine could see it.
 *
 * @throws WaybillError `OPTIONS_INVALID` when the two differ, or stdin holds none
 */
export async function readPassword(): Promise<string> {
  const password = process.stdin.isTTY ? await askTwice() : await fromStdin();
  if (password !== "") return password;
  throw new WaybillError("OPTIONS_INVALID", "No password was given: type one, or pipe one into stdin.");
}

async function fromStdin(): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BYTES_MAX)
      throw new WaybillError("OPTIONS_INVALID", `A password has at most ${BYTES_MAX} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

async function askTwice(): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  const ask = async (question: string): Promise<string> => {
    process.stderr.write(question);
    const answer = await lines.question("");
    process.stderr.write("\n");
    return answer;
  };
  try {
    const password = await ask("Password: ");
    if (password === (await ask("Again: "))) return password;
    throw new WaybillError("OPTIONS_INVALID", "The passwords differ; nothing was changed.");
  } finally {
    lines.close();
  }
}
