/** A server under test: a process of its own on the first core. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
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
   * Starts `bench/servers/<name>.js`, with what follows a space in the name as its argument. Prints why, and returns
   * undefined, where it cannot run here.
   */
  static async start(name: string): Promise<TestedServer | undefined> {
    const [file, ...variant] = name.split(" ");
    const path = fileURLToPath(new URL(`servers/${file}.js`, import.meta.url));
    const [command, args] = pinned(0, process.execPath, [path, ...variant]);
    const child = spawn(command, args, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, NODE_ENV: "production", BENCH_FOLDER: FOLDER },
    });
    const ended = once(child, "exit").then(() => Promise.reject(new Error(`the server ${name} has ended`)));
    ended.catch(() => {});
    RUNNING.add(child);
    const [{ port, skipped }] = (await Promise.race([once(child, "message"), ended])) as [Greeting];
    if (skipped !== undefined) {
      console.log(`${name} is left out: ${skipped}`);
      return undefined;
    }
    return new TestedServer(name, port, child, ended);
  }

  constructor(name: string, port: number, child: ChildProcess, ended: Promise<never>) {
    this.name = name;
    this.port = port;
    this.#child = child;
    this.#ended = ended;
  }

  /** The CPU time it has used so far, user and system, in microseconds. Throws where the server has ended. */
  async cpuTime(): Promise<number> {
    if (this.#child.connected) this.#child.send("cpu");
    const [{ cpu }] = (await Promise.race([once(this.#child, "message"), this.#ended])) as [{ cpu: number }];
    return cpu;
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
