/** The answer of a server, looked at before anything is measured. */

import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import type { Scenario } from "./scenarios.ts";

/**
 * Throws unless a server answers a scenario as every other does: what differs is not comparable. Returns the scenario to load
 * this server with: where it is to answer 304, with the `ETag` that it gave.
 */
export async function checkAnswer(scenario: Scenario, name: string, port: number): Promise<Scenario> {
  const { answer, type, chunked = false, revalidates = false } = scenario;
  const { status, headers, body } = await ask(scenario, port);
  const { "content-type": mediaType = "none", "content-length": length, "transfer-encoding": coding, etag } = headers;
  const found = [
    `status ${status}`,
    `type ${mediaType.split(";")[0]}`,
    `length ${length ?? coding ?? "unknown"}`,
    body.equals(Buffer.from(answer)) ? "the body" : `another body, of ${body.length} bytes`,
  ].join(", ");
  const expected = `status 200, type ${type}, length ${chunked ? "chunked" : answer.length}, the body`;
  if (found !== expected) throw new Error(`${name} answers ${scenario.name} with ${found}; expected ${expected}`);
  if (!revalidates) return scenario;
  if (etag === undefined) throw new Error(`${name} answers ${scenario.name} without an ETag`);
  const asked = { ...scenario, headers: { ...scenario.headers, "If-None-Match": etag } };
  const again = await ask(asked, port);
  if (again.status !== 304 || again.body.length > 0) {
    throw new Error(`${name} answers its own ETag with status ${again.status} and ${again.body.length} bytes`);
  }
  return asked;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

async function ask({ path, body, headers = {} }: Scenario, port: number): Promise<Answer> {
  const sent = { ...headers, ...(body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) }) };
  const method = body === undefined ? "GET" : "POST";
  const sending = request({ host: "127.0.0.1", port, path, method, headers: sent, agent: false }).end(body);
  const [response] = (await once(sending, "response")) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
}
