/** The load: `wrk` on the second core. */

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${scenario.name} on port ${port} had errors:\n${stdout}`);
  const [, requests, time, unit] = /(\d+) requests in ([\d.]+)(ms|s|m)/.exec(stdout) as unknown as string[];
  return { requests: Number(requests), seconds: Number(time) * (unit === "ms" ? 0.001 : unit === "m" ? 60 : 1) };
}

function luaFor({ headers = {}, body }: Scenario): string {
  const lines = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  );
  if (body !== undefined) lines.push('wrk.method = "POST"', `wrk.body = ${JSON.stringify(body)}`);
  return `${lines.join("\n")}\n`;
}

/** Throws unless a server answers a scenario as it should. */
export async function checkAnswer(scenario: Scenario, name: string, port: number): Promise<void> {
  const { path, body, headers = {}, length } = scenario;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: Object.fromEntries(Object.entries(headers).filter(([key]) => key !== "Connection")),
    ...(body === undefined ? {} : { method: "POST", body }),
  });
  const bytes = (await response.arrayBuffer()).byteLength;
  if (response.status !== 200 || bytes !== length) {
    throw new Error(
      `${name} answers ${scenario.name} with ${response.status} and ${bytes} bytes, not 200 and ${length}`,
    );
  }
}
