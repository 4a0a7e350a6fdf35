/** The load: `wrk` on the second core. */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import type { Scenario } from "./scenarios.ts";
import { pinned } from "./server.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "tsgi-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** How many requests were answered, and in how many seconds. */
export interface Served {
  readonly requests: number;
  readonly seconds: number;
}

/** Loads a server for a while. Throws where an answer was an error: no figure is worth that. */
export async function load(scenario: Scenario, port: number, seconds: number, connections: number): Promise<Served> {
  const script = join(folder, `${scenario.name}.lua`);
  writeFileSync(script, luaFor(scenario));
  const url = `http://127.0.0.1:${port}${scenario.path}`;
  const [command, args] = pinned(1, "wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, url]);
  const { stdout } = await run(command, args);
  const [, requests, time, unit] = /(\d+) requests in ([\d.]+)(ms|s|m)/.exec(stdout) ?? [];
  if (requests === undefined || requests === "0" || /Non-2xx|Socket errors/.test(stdout)) {
    throw new Error(`errors while ${scenario.name} was measured at ${url}:\n${stdout}`);
  }
  return { requests: Number(requests), seconds: Number(time) * (unit === "ms" ? 0.001 : unit === "m" ? 60 : 1) };
}

function luaFor({ headers = {}, body }: Scenario): string {
  const lines = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  );
  if (body !== undefined) lines.push('wrk.method = "POST"', `wrk.body = ${JSON.stringify(body)}`);
  return `${lines.join("\n")}\n`;
}

/** Throws unless a server answers a scenario as every other does: what differs is not comparable. */
export async function checkAnswer(scenario: Scenario, name: string, port: number): Promise<void> {
  const { path, body, headers = {}, answer, type, chunked = false } = scenario;
  const sent = { ...headers, ...(body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) }) };
  const method = body === undefined ? "GET" : "POST";
  const sending = request({ host: "127.0.0.1", port, path, method, headers: sent, agent: false }).end(body);
  const [response] = (await once(sending, "response")) as [IncomingMessage];
  const received = await text(response);
  const {
    "content-type": mediaType = "none",
    "content-length": length,
    "transfer-encoding": coding,
  } = response.headers;
  const found = [
    `status ${response.statusCode}`,
    `type ${mediaType.split(";")[0]}`,
    `length ${length ?? coding ?? "unknown"}`,
    received === answer ? "the body" : `another body, of ${received.length} characters`,
  ].join(", ");
  const expected = `status 200, type ${type}, length ${chunked ? "chunked" : answer.length}, the body`;
  if (found !== expected) throw new Error(`${name} answers ${scenario.name} with ${found}; expected ${expected}`);
}
