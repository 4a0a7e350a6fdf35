/** The load over HTTP/2: `h2load` on the second core. */

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Served } from "./load.ts";
import type { Request } from "./requests.ts";
import type { Scenario } from "./scenarios.ts";
import { pinned } from "./server.ts";
import { FOLDER } from "./temporary-folder.ts";

const run = promisify(execFile);

/** How many streams each connection has open. */
const STREAMS = 8;

/** What a server is loaded with over HTTP/2: the targets of its requests, in a file. */
export class Http2Load {
  readonly #scenario: Scenario;
  readonly #file: string;

  constructor(scenario: Scenario, port: number, requests: readonly Request[]) {
    this.#scenario = scenario;
    this.#file = join(FOLDER, `${port}.urls`);
    const origin = `${scenario.scheme ?? "http"}://127.0.0.1:${port}`;
    writeFileSync(this.#file, requests.map(({ target }) => `${origin}${target}\n`).join(""));
  }

  /** Sends for a while. Throws where an answer was an error: no figure is worth that. */
  async send(seconds: number, connections: number): Promise<Served> {
    const clients = Math.max(1, Math.floor(connections / STREAMS));
    const flags = ["-t1", `-c${clients}`, `-m${STREAMS}`, `-D${seconds}`, "-i", this.#file];
    const { stdout } = await run(...pinned(1, "h2load", flags), { maxBuffer: 1 << 26 });
    const [, ...numbers] = /^requests: \d+ total, .* (\d+) succeeded, (\d+) failed/m.exec(stdout) ?? [];
    const [requests = 0, failed = 0] = numbers.map(Number);
    if (requests === 0 || failed > 0) throw new Error(`errors while ${this.#scenario.name} was measured:\n${stdout}`);
    return { requests, seconds };
  }
}
