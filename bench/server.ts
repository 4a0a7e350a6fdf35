/** A server under test: a process of its own on the first core. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Puts a command on a processor of its own, where the system can. */
export function pinned(core: number, command: string, args: string[]): [string, string[]] {
  return existsSync("/usr/bin/taskset") ? ["taskset", ["-c", String(core), command, ...args]] : [command, args];
}

export class TestedServer {
  readonly name: string;
  readonly port: number;
  readonly #child: ChildProcess;

  /** Starts `bench/servers/<name>.js`, with what follows a space in the name as its argument. */
  static async start(name: string): Promise<TestedServer> {
    const [file, ...variant] = name.split(" ");
    const path = fileURLToPath(new URL(`servers/${file}.js`, import.meta.url));
    const [command, args] = pinned(0, process.execPath, [path, ...variant]);
    const child = spawn(command, args, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, NODE_ENV: "production" },
    });
    const [message] = (await Promise.race([once(child, "message"), failure(child, name)])) as [{ port: number }];
    return new TestedServer(name, message.port, child);
  }

  constructor(name: string, port: number, child: ChildProcess) {
    this.name = name;
    this.port = port;
    this.#child = child;
  }

  /** The CPU time it has used so far, user and system, in microseconds. */
  async cpuTime(): Promise<number> {
    this.#child.send("cpu");
    const [{ cpu }] = (await once(this.#child, "message")) as [{ cpu: NodeJS.CpuUsage }];
    return cpu.user + cpu.system;
  }

  stop(): void {
    this.#child.kill();
  }
}

async function failure(child: ChildProcess, name: string): Promise<never> {
  await once(child, "exit");
  throw new Error(`the server ${name} did not start`);
}
