/** The answers of a server, looked at before anything is measured. */

import { once } from "node:events";
import { type IncomingMessage, request as requestByHttp } from "node:http";
import { connect } from "node:http2";
import { request as requestByHttps } from "node:https";
import { buffer } from "node:stream/consumers";
import { type Request, requestsOf } from "./requests.ts";
import type { Scenario } from "./scenarios.ts";

/** How many of the requests are tried. */
const TRIED = 3;

/**
 * Throws unless a server answers a scenario as every other does: what differs is not comparable. Returns the requests to load
 * this server with: where it is to answer 304, with the `ETag` that it gave.
 */
export async function checkAnswers(scenario: Scenario, name: string, port: number): Promise<readonly Request[]> {
  const requests = requestsOf(scenario);
  let etag: string | undefined;
  for (const request of requests.slice(0, TRIED)) etag = await checkAnswer(scenario, name, port, request);
  if (scenario.revalidates !== true) return requests;
  if (etag === undefined) throw new Error(`${name} answers ${scenario.name} without an ETag`);
  const asked = requestsOf(scenario, { "If-None-Match": etag });
  for (const request of asked.slice(0, TRIED)) {
    const { status, body } = await ask(scenario, port, request);
    if (status !== 304 || body.length > 0) {
      throw new Error(`${name} answers its own ETag with status ${status} and ${body.length} bytes`);
    }
  }
  return asked;
}

/** Throws unless the answer is the one that is expected. Returns its `ETag`. */
async function checkAnswer(scenario: Scenario, name: string, port: number, request: Request) {
  const { answer = request.body ?? "", type, chunked = false } = scenario;
  const { status, headers, body } = await ask(scenario, port, request);
  const { "content-type": mediaType = "none", "content-length": length, "transfer-encoding": coding, etag } = headers;
  const found = [
    `status ${status}`,
    `type ${mediaType.split(";")[0]}`,
    `length ${length ?? coding ?? "unknown"}`,
    body.equals(Buffer.from(answer)) ? "the body" : `another body, of ${body.length} bytes`,
  ].join(", ");
  const expected = `status 200, type ${type}, length ${chunked ? "chunked" : answer.length}, the body`;
  if (found !== expected) throw new Error(`${name} answers ${scenario.name} with ${found}; expected ${expected}`);
  return etag;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

async function ask(scenario: Scenario, port: number, asked: Request): Promise<Answer> {
  if (scenario.http2) return askByHttp2(scenario, port, asked);
  const { scheme } = scenario;
  const { method, target, headers, body } = asked;
  const options = { host: "127.0.0.1", port, path: target, method, headers, agent: false };
  // Its certificate is nobody's.
  const sending =
    scheme === "https" ? requestByHttps({ ...options, rejectUnauthorized: false }) : requestByHttp(options);
  sending.end(body);
  const [response] = (await once(sending, "response")) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
}

async function askByHttp2({ scheme }: Scenario, port: number, { method, target }: Request): Promise<Answer> {
  const session = connect(`${scheme ?? "http"}://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const stream = session.request({ ":method": method, ":path": target });
  const [headers] = (await once(stream, "response")) as [IncomingMessage["headers"] & { ":status": number }];
  const body = await buffer(stream);
  session.close();
  return { status: headers[":status"], headers, body };
}
