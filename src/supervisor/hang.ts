/** Asks a process whose event loop hangs where it hangs. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { escapeControls } from "../escape.ts";
import type { Hang } from "./hang-inspector.ts";
import { childArguments } from "./worker.ts";

/** How long the inspector may take, in milliseconds. */
const TIMEOUT = 10_000;

/** How many of the functions and of the requests are named. */
const MOST_NAMED = 5;

const run = promisify(execFile);

/** What `inspectHang` needs to know of a worker. */
export interface Inspected {
  readonly inspectPort: number;
  openInspector(): void;
}

/**
 * inspectHang says where a worker hangs and which requests it holds, through the inspector of Node, which has a thread of its own:
 * "in slow (site.ts:4:7), called by …; it holds GET /hang for 30123 ms". Undefined where the inspector does not answer in time, as
 * in a process that was stopped.
 */
export async function inspectHang(worker: Inspected): Promise<string | undefined> {
  worker.openInspector();
  try {
    const { stdout } = await run(process.execPath, [...nodeArguments(), PROGRAM, String(worker.inspectPort)], {
      timeout: TIMEOUT,
      killSignal: "SIGKILL",
    });
    return describeHang(JSON.parse(stdout) as Hang);
  } catch {
    return undefined;
  }
}

const PROGRAM = fileURLToPath(
  new URL(`./hang-inspector${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

/** Node 20 has a WebSocket client behind a flag. */
function nodeArguments(): string[] {
  return "WebSocket" in globalThis
    ? childArguments()
    : [...childArguments(), "--experimental-websocket", "--no-warnings"];
}

/** What hangs, in one line; undefined for a process that waits, and holds no request. */
export function describeHang({ frames, requests }: Hang): string | undefined {
  if (frames.length === 0 && requests.length === 0) return undefined;
  const [first, ...callers] = frames
    .slice(0, MOST_NAMED)
    .map(({ name, where }) => `${name || "a function"} (${where})`);
  const where = first === undefined ? "outside of JavaScript" : `in ${[first, ...callers].join(", called by ")}`;
  const held = requests
    .slice(0, MOST_NAMED)
    .map(({ method, target, duration }) => `${method} ${target} for ${duration} ms`);
  const more = requests.length - held.length;
  if (more > 0) held.push(`${more} more`);
  return escapeControls(held.length === 0 ? where : `${where}; it holds ${held.join(", ")}`);
}
