/** The load: `wrk` on the second core. */

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Scenario } from "./scenarios.ts";
import { pinned } from "./server.ts";
import { FOLDER } from "./temporary-folder.ts";

const run = promisify(execFile);

/** How many requests were answered, and in how many seconds. */
export interface Served {
  readonly requests: number;
  readonly seconds: number;
}

/** From this size on, in bytes, answers are counted by what has arrived of them. */
const LARGE = 1024 * 1024;

/** Loads a server for a while. Throws where an answer was an error: no figure is worth that. */
export async function load(scenario: Scenario, port: number, seconds: number, connections: number): Promise<Served> {
  const script = join(FOLDER, `${scenario.name}.lua`);
  writeFileSync(script, luaFor(scenario));
  const url = `http://127.0.0.1:${port}${scenario.path}`;
  const flags = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "60s", "-s", script, url];
  const { stdout } = await run(...pinned(1, "wrk", flags));
  const [, ...numbers] = /^served (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout) ?? [];
  const [answered = 0, bytes = 0, microseconds = 0, errors = 0] = numbers.map(Number);
  // At the end each connection has part of an answer: nothing beside thousands, half of all beside some dozens.
  const size = scenario.answer.length;
  const requests = size < LARGE ? answered : bytes / size;
  if (requests === 0 || errors > 0) {
    throw new Error(`errors while ${scenario.name} was measured at ${url}:\n${stdout}`);
  }
  return { requests, seconds: microseconds / 1_000_000 };
}

function luaFor({ headers = {}, body }: Scenario): string {
  const lines = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  );
  if (body !== undefined) lines.push('wrk.method = "POST"', `wrk.body = ${JSON.stringify(body)}`);
  return `${lines.join("\n")}
done = function(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("served %d %d %d %d\\n", summary.requests, summary.bytes, summary.duration, failed))
end
`;
}
