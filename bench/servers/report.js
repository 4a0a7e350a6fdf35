/** What every server under test shares: what it answers with, and how it tells its port, its CPU time and its memory. */

import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

export const HELLO = "Hello, World!";
export const USERS = Array.from({ length: 20 }, (_, id) => ({ id, name: `user ${id}`, mail: `u${id}@example.com` }));
export const CHUNK = Buffer.alloc(4096, "x");
export const CHUNKS = 16;

/**
 * Tells the benchmark where the server listens, and whenever asked how many microseconds of CPU time it has used, or how much
 * memory it has.
 */
export function report(port, cpuTime = ownCpuTime) {
  process.on("message", async (question) => {
    process.send?.({ answer: question === "cpu" ? cpuTime() : await memory() });
  });
  process.on("disconnect", () => process.exit());
  process.send?.({ port });
}

function ownCpuTime() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** After collecting garbage, more than once, as the first collection calls what frees more. */
async function memory() {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  for (let times = 0; times < 4; times++) {
    collect();
    await setTimeout(150);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { resident: rss, heap: heapUsed + external };
}

/** The path of a request target, as any server looks it up. */
export function pathOf(target) {
  const end = target.indexOf("?");
  return end === -1 ? target : target.slice(0, end);
}

/** Tells the benchmark why the server cannot run here, and ends. */
export function skip(reason) {
  process.send?.({ skipped: reason }, () => process.exit());
}
