import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { inject } from "vitest";

/** What a test file has to know of a shared broker, which starts now if this is the first file that asks for it. */
export async function askShared<Facts>(name: "rabbitmq" | "kafka"): Promise<Facts> {
  const asked = request({ socketPath: inject("sharedServers"), path: `/${name}` });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const answer = await text(response);
  if (response.statusCode !== 200) throw new Error(answer);
  return JSON.parse(answer) as Facts;
}

/** A broker starts within seconds, but Kafka's jars may have to be fetched first. */
export const startDeadlineMs = 400_000;
