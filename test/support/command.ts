/** The command as a process of its own, run in a folder. */

import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { after } from "node:test";
import { promisify } from "node:util";
import { cli as ownCli } from "./session.ts";

const run = promisify(execFile);
const children = new Set<ChildProcess>();

after(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** What a command that ends by itself prints, and its exit code. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** A command that goes on. */
export interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  printed(): string;
}

/** What runs the command. */
export interface CommandOptions {
  /** Default: the Node that runs the test. */
  readonly node?: string;
  /** Default: the command of this repository. */
  readonly cli?: string;
}

/** Runs the command in a folder. */
export class Command {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #program: readonly [node: string, cli: string];

  constructor(
    folder: string,
    environment: NodeJS.ProcessEnv = {},
    { node = process.execPath, cli = ownCli }: CommandOptions = {},
  ) {
    this.#folder = folder;
    // Variables of the shell that runs the tests must not say where to listen, nor with how many processes.
    this.#environment = { ...process.env, HOST: "", PORT: "", WEB_CONCURRENCY: "", ...environment };
    this.#program = [node, cli];
  }

  readonly ended = (...args: string[]): Ended => {
    const options = { cwd: this.#folder, env: this.#environment, encoding: "utf8", timeout: 40_000 } as const;
    const [node, cli] = this.#program;
    const { status, stdout, stderr } = spawnSync(node, [cli, ...args], options);
    return { code: status, out: stdout, error: stderr };
  };

  readonly started = (...args: string[]): Running => {
    const [node, cli] = this.#program;
    const child = spawn(node, [cli, ...args], {
      cwd: this.#folder,
      env: this.#environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.add(child);
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        printed += chunk;
      });
    }
    return {
      child,
      printed: () => printed,
      get url() {
        return / on (\S+)/.exec(printed)?.[1] as string;
      },
    };
  };

  /** A command that serves; resolves once it has said where. */
  readonly running = async (...args: string[]): Promise<Running> => {
    const started = this.started(...args);
    await until(() => {
      if (started.child.exitCode !== null) throw new Error(started.printed());
      return started.printed().includes("serving");
    });
    return started;
  };
}

/** How long a test waits for a condition, in milliseconds. */
const PATIENCE = 60_000;

/** Resolves once a condition holds; rejects where that takes too long. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A response as `curl` shows it, its headers by name, without those that depend on the time and on the connection. */
export async function exchange(url: string, ...args: string[]): Promise<string> {
  const { stdout } = await run("curl", ["--silent", "--include", "--max-time", "10", ...args, url]);
  const [head = "", body = ""] = stdout.split(/\r\n\r\n([\s\S]*)/, 2);
  const [status, ...headers] = head.split("\r\n").filter((line) => !/^(?:Date|Connection|Keep-Alive):/.test(line));
  return [status, ...headers.sort(), "", body].join("\n");
}
