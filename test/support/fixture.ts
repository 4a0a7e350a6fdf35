/** Programs of `fixtures/` as child processes that talk in lines. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS, pathToRun } from "./compiled.ts";

export interface Fixture {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  /** The next line that the program prints. */
  line(): Promise<string>;
  /** Asks the program something: one line there, one line back. */
  ask(question: string): Promise<string>;
}

export async function fixture(
  t: TestContext,
  name: string,
  args: readonly string[] = [],
  descriptors: number | "hard" = "hard",
): Promise<Fixture> {
  const file = pathToRun(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)));
  const command = [process.execPath, "--expose-gc", ...NODE_FLAGS, file, ...args];
  const child = spawn(
    "sh",
    ["-c", `ulimit -n ${descriptors === "hard" ? "$(ulimit -Hn)" : descriptors}; exec "$@"`, "sh", ...command],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  t.after(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const step = await lines.next();
    if (step.done) throw new Error(`${name} ended`);
    return step.value;
  };
  return {
    child,
    line,
    ask(question) {
      child.stdin.write(`${question}\n`);
      return line();
    },
  };
}
