/** What every server under test shares: what it answers with, and how it tells its port and its CPU time. */

export const HELLO = "Hello, World!";
export const USERS = Array.from({ length: 20 }, (_, id) => ({ id, name: `user ${id}`, mail: `u${id}@example.com` }));
export const CHUNK = Buffer.alloc(4096, "x");
export const CHUNKS = 16;

/** Tells the benchmark where the server listens, and how much CPU time it has used whenever asked. */
export function report(port) {
  process.on("message", () => process.send?.({ cpu: process.cpuUsage() }));
  process.on("disconnect", () => process.exit());
  process.send?.({ port });
}
