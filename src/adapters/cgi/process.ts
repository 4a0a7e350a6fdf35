/** One process of a CGI program, and its group. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ErrorStream } from "../../gateway.ts";
import { badGateway } from "../program/errors.ts";
import type { ProgramRun } from "../program/program-run.ts";
import type { Variables } from "../program/variables.ts";

/** What is run: a file with its arguments, in a folder. Never through a shell. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

/** How long a program has after SIGTERM, in milliseconds, before SIGKILL. */
const GRACE = 2_000;

/** How long the end of the output waits for that of the process, in milliseconds: it comes with it, unless it was closed by hand. */
const PARTING = 1_000;

/** Leaders of the groups that run: they would outlive this process. */
const running = new Set<number>();
let isWatching = false;

function watchExit(): void {
  if (isWatching) return;
  isWatching = true;
  process.on("exit", () => {
    for (const pid of running) signal(pid, "SIGKILL");
  });
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ProgramProcess implements ProgramRun {
  readonly output: Readable;
  readonly over: Promise<Ending>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  /** Throws a 502 for a program that cannot be started. */
  constructor({ file, args, cwd }: Command, env: Variables, errors: ErrorStream) {
    try {
      // A group of its own, so that what it starts can be ended with it.
      this.#child = spawn(file, args, { cwd, env, detached: true, stdio: "pipe" });
    } catch (cause) {
      throw badGateway(`could not be started: ${(cause as Error).message}`, cause);
    }
    const { stdin, stdout, stderr, pid } = this.#child;
    this.output = stdout;
    // A program need not read all of its input.
    stdin.on("error", () => {});
    stderr.setEncoding("utf8").on("data", (text: string) => errors.write(text));
    stderr.on("error", () => {});
    this.over = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => resolve({ code, signal }));
      this.#child.once("error", (cause) => {
        stdout.destroy(badGateway(`could not be started: ${cause.message}`, cause));
        resolve({ code: null, signal: null });
      });
    });
    if (pid === undefined) return;
    watchExit();
    running.add(pid);
    this.over.finally(() => {
      running.delete(pid);
      if (!this.#stopped) return;
      // What the program has started and not waited for.
      signal(pid, "SIGKILL");
      clearTimeout(this.#timer);
    });
  }

  feed(input: AsyncIterable<Uint8Array>): Promise<void> {
    return pipeline(input, this.#child.stdin);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    const { pid } = this.#child;
    if (pid !== undefined) {
      signal(pid, "SIGTERM");
      this.#timer = setTimeout(() => signal(pid, "SIGKILL"), GRACE);
    }
    // Last, as a program that writes on would complain.
    this.output.destroy();
  }

  async failure(): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Ending>((resolve) => {
      timer = setTimeout(resolve, PARTING, { code: 0, signal: null });
    });
    const { code, signal } = await Promise.race([this.over, late]);
    clearTimeout(timer);
    if (code === 0) return undefined;
    return code === null ? `was ended by ${signal}` : `exited with ${code}`;
  }
}

/** To a whole group, which may be gone. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // It is.
  }
}
