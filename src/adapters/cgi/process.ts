/** One process of a CGI program, and its group. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ErrorStream } from "../../gateway.ts";
import { badGateway } from "../program/errors.ts";
import type { ProgramRun } from "../program/program-run.ts";
import type { Variables } from "../program/variables.ts";

/** A file to run with arguments in a folder, never through a shell. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

/** How long a program has between SIGTERM and SIGKILL, in milliseconds. */
const GRACE = 2_000;

/**
 * How long the end of the output waits for the exit of the process, in milliseconds. The two come together, unless the program
 * closed its output by hand.
 */
const EXIT_TIMEOUT = 1_000;

/** Leaders of the process groups that run, which would outlive this process. */
const running = new Set<number>();
let isWatching = false;

function watchExit(): void {
  if (isWatching) return;
  isWatching = true;
  process.on("exit", () => {
    for (const pid of running) signalGroup(pid, "SIGKILL");
  });
}

/** How a process ended: its exit code, or the signal that ended it; neither if it never started. */
interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process for one request. */
export class ProgramProcess implements ProgramRun {
  readonly output: Readable;
  readonly over: Promise<Exit>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  /** `errors` takes the standard error; it must not throw. Throws a 502 if the process cannot be started. */
  constructor({ file, args, cwd }: Command, env: Variables, errors: ErrorStream) {
    this.#child = startProcess(file, args, { cwd, env });
    const { stdin, stdout, stderr, pid } = this.#child;
    this.output = stdout;
    // A failure reaches its reader; where there is none, it must not end this process.
    stdout.on("error", () => {});
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
    void this.over.then(() => {
      running.delete(pid);
      if (!this.#stopped) return;
      // Processes that the program has started and not waited for.
      signalGroup(pid, "SIGKILL");
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
      signalGroup(pid, "SIGTERM");
      this.#timer = setTimeout(() => signalGroup(pid, "SIGKILL"), GRACE);
    }
    // Last, since a program that goes on writing would report a broken pipe.
    this.output.destroy();
  }

  async failure(): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Exit>((resolve) => {
      timer = setTimeout(resolve, EXIT_TIMEOUT, { code: 0, signal: null });
    });
    const { code, signal } = await Promise.race([this.over, late]);
    clearTimeout(timer);
    if (code === 0) return undefined;
    return code === null ? `was ended by ${signal}` : `exited with ${code}`;
  }
}

function startProcess(
  file: string,
  args: readonly string[],
  { cwd, env }: { cwd: string; env: Variables },
): ChildProcessByStdio<Writable, Readable, Readable> {
  try {
    // In a group of its own, so that the processes it starts can be ended with it.
    const child = spawn(file, args, { cwd, env, detached: true, stdio: "pipe" });
    // Without descriptors left there are no pipes, and an `error` to come.
    if (child.stdout) return child;
    child.on("error", () => {});
    throw new Error("too many files are open");
  } catch (cause) {
    throw badGateway(`could not be started: ${(cause as Error).message}`, cause);
  }
}

/** Sends a signal to a process group, which may have ended. */
function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // It has.
  }
}
