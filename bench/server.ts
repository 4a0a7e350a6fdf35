/** A server under test: a process of its own on the first core. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FOLDER } from "./temporary-folder.ts";

/** Puts a command on a processor of its own, where the system can. */
export function pinned(core: number, command: string, args: string[]): [string, string[]] {
  return existsSync("/usr/bin/taskset") ? ["taskset", ["-c", String(core), command, ...args]] : [command, args];
}

/** What has to be ended however the benchmark ends. */
const RUNNING = new Set<ChildProcess>();
process.on("exit", () => RUNNING.forEach(end));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));

/** Where the servers are. */
const SERVERS = fileURLToPath(new URL("servers", import.meta.url));

/** The memory of a server after collecting garbage, in bytes. */
export interface Memory {
  /** All of the process. */
  readonly resident: number;
  /** What V8 keeps, and what lies outside of its heap for it. */
  readonly heap: number;
}

/** What a server tells first. */
interface Greeting {
  readonly port: number;
  readonly skipped?: string;
}

export class TestedServer {
  readonly name: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  /**
   * Starts `<name>.js` of the folder of the servers, with what follows a space in the name as its argument. Prints why, and
   * returns undefined, where it cannot run here.
   */
  static async start(name: string, folder = SERVERS, label = name): Promise<TestedServer | undefined> {
    const [file, ...variant] = name.split(" ");
    const [command, args] = pinned(0, process.execPath, [join(folder, `${file}.js`), ...variant]);
    const child = spawn(command, args, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, NODE_ENV: "production", BENCH_FOLDER: FOLDER },
    });
    const ended = once(child, "exit").then(() => Promise.reject(new Error(`the server ${label} has ended`)));
    ended.catch(() => {});
    RUNNING.add(child);
    const [{ port, skipped }] = (await Promise.race([once(child, "message"), ended])) as [Greeting];
    if (skipped !== undefined) {
      console.log(`${label} is left out: ${skipped}`);
      return undefined;
    }
    return new TestedServer(label, port, child, ended);
  }

  constructor(name: string, port: number, child: ChildProcess, ended: Promise<never>) {
    this.name = name;
    this.port = port;
    this.#child = child;
    this.#ended = ended;
  }

  /** The CPU time it has used so far, user and system, in microseconds. Throws where the server has ended. */
  async cpuTime(): Promise<number> {
    return (await this.#ask("cpu")) as number;
  }

  /** Its memory. Throws where the server has ended. */
  async memory(): Promise<Memory> {
    return (await this.#ask("memory")) as Memory;
  }

  async #ask(question: "cpu" | "memory"): Promise<unknown> {
    if (this.#child.connected) this.#child.send(question);
    const [{ answer }] = (await Promise.race([once(this.#child, "message"), this.#ended])) as [{ answer: unknown }];
    return answer;
  }

  stop(): void {
    end(this.#child);
  }
}

/** Ends a process. Not with SIGTERM: srvx and h3 catch it, finish their work, and stay. */
function end(child: ChildProcess): void {
  RUNNING.delete(child);
  child.kill("SIGKILL");
}
