/** The load: `wrk` on the second core. */

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { luaOf, type Request } from "./requests.ts";
import type { Scenario } from "./scenarios.ts";
import { pinned } from "./server.ts";
import { FOLDER } from "./temporary-folder.ts";

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL("requests.lua", import.meta.url));

/** From this size on, in bytes, answers are counted by what has arrived of them. */
const LARGE = 1024 * 1024;

/** How many requests were answered, and in how many seconds. */
export interface Served {
  readonly requests: number;
  readonly seconds: number;
}

/** What a server is loaded with: its requests, in a file. */
export class Load {
  readonly #scenario: Scenario;
  readonly #url: string;
  readonly #file: string;

  constructor(scenario: Scenario, port: number, requests: readonly Request[]) {
    this.#scenario = scenario;
    this.#url = `${scenario.scheme ?? "http"}://127.0.0.1:${port}`;
    this.#file = join(FOLDER, `${port}.lua`);
    writeFileSync(this.#file, luaOf(requests, scenario.depth ?? 1));
  }

  /**
   * Sends for a while; again where nothing was answered, as on a machine with much other work the connections alone may take
   * that long. Throws where an answer was an error: no figure is worth that.
   */
  async send(seconds: number, connections: number, tries = 5): Promise<Served> {
    const { name, answer, head = "browser", times = 1 } = this.#scenario;
    const flags = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "60s", "-s", SCRIPT, this.#url];
    const args = [this.#file, ...(head.startsWith("new") ? [String(Date.now()), String(times)] : [])];
    const { stdout } = await run(...pinned(1, "wrk", [...flags, "--", ...args]));
    const [, ...numbers] = /^served (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout) ?? [];
    const [answered = 0, bytes = 0, microseconds = 0, errors = 0] = numbers.map(Number);
    // At the end each connection has part of an answer: nothing beside thousands, half of all beside some dozens.
    const size = answer?.length ?? 0;
    const requests = size < LARGE ? answered : bytes / size;
    if (requests === 0 && errors === 0 && tries > 1) return this.send(seconds, connections, tries - 1);
    if (requests === 0 || errors > 0) throw new Error(`errors while ${name} was measured at ${this.#url}:\n${stdout}`);
    return { requests, seconds: microseconds / 1_000_000 };
  }
}
