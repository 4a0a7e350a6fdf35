/** A supervised app, run by the command, and the processes that it consists of. */

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { Command, type Running } from "./command.ts";
import { root } from "./session.ts";

export const fixtures: string = fileURLToPath(new URL("./fixtures", import.meta.url));

/** The Node whose supervisor binds sockets. */
export const other: string = join(root, "node_modules/node-24/bin/node");

/** The Nodes: the one that runs the tests, whose supervisor hands connections over, and one whose supervisor binds sockets. */
export const nodes: readonly (readonly [name: string, node: string, skip: string | false])[] = [
  [`Node ${process.versions.node}`, process.execPath, false],
  ["Node 24", other, existsSync(other) ? false : "Node 24 is not installed"],
];

const scratch = mkdtempSync(join(tmpdir(), "tsgi-supervised-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

let files = 0;

export interface Supervised extends Running {
  /** Has the app behave in another way from its next start on. */
  behaviour(text: string): void;
  readonly exited: Promise<unknown[]>;
}

/** Serves `supervised-app.mjs`, whose behaviour is in a file. */
export async function supervised(node: string, args: readonly string[], behaviour = ""): Promise<Supervised> {
  const file = join(scratch, `behaviour-${files++}`);
  writeFileSync(file, behaviour);
  const command = new Command(fixtures, { BEHAVIOUR: file }, { node });
  const running = await command.running("supervised-app.mjs", "--bind", "127.0.0.1:0", ...args);
  return {
    ...running,
    url: running.url,
    exited: once(running.child, "exit"),
    behaviour: (text) => writeFileSync(file, text),
  };
}

export const page = async (url: string): Promise<string> =>
  (await fetch(url, { headers: { Connection: "close" } })).text();

export const pidOf = async (url: string): Promise<number> => Number.parseInt(await page(`${url}/pid`), 10);

/** All processes that answer. */
export async function pids(url: string, count: number): Promise<Set<number>> {
  const found = new Set<number>();
  while (found.size < count) found.add(await pidOf(url));
  return found;
}

export function isAlive(pid: number): boolean {
  try {
    // A process that has ended is there until its parent has asked for its exit code.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** The processes that a process has started. */
export const childrenOf = (pid: number): number[] =>
  spawnSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" })
    .stdout.split("\n")
    .filter(Boolean)
    .map(Number);
