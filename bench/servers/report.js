/** What every server under test shares: what it answers with, and how it tells its port and its CPU time. */

export const HELLO = "Hello, World!";
export const USERS = Array.from({ length: 20 }, (_, id) => ({ id, name: `user ${id}`, mail: `u${id}@example.com` }));
export const CHUNK = Buffer.alloc(4096, "x");
export const CHUNKS = 16;

/** Tells the benchmark where the server listens, and how many microseconds of CPU time it has used whenever asked. */
export function report(port, cpuTime = ownCpuTime) {
  process.on("message", () => process.send?.({ cpu: cpuTime() }));
  process.on("disconnect", () => process.exit());
  process.send?.({ port });
}

function ownCpuTime() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Tells the benchmark why the server cannot run here, and ends. */
export function skip(reason) {
  process.send?.({ skipped: reason }, () => process.exit());
}
