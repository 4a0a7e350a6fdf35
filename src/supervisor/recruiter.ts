/** Starts the processes of workers, with what they need to know. */

import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import type { Settings } from "./settings.ts";
import type { Sockets } from "./sockets.ts";
import { Worker } from "./worker.ts";

/** How often a worker says that it is alive, and how often at most; in milliseconds. */
const BEAT = 500;
const FASTEST_BEAT = 50;

/** Starts a worker for a slot; given how many slots there are. `ticketKeys` are those of all workers. */
export async function recruit(
  slot: number,
  slots: number,
  settings: Settings,
  sockets: Sockets,
  ticketKeys: Uint8Array,
): Promise<Worker> {
  const { program, env, task, maxRequests, maxRequestsJitter, timeout } = settings;
  const { descriptors, ...inherited } = sockets.inheritanceOf(slot, slots);
  return new Worker({
    program,
    env,
    descriptors,
    inspectPort: await freePort(),
    start: {
      task,
      slot,
      ...inherited,
      ticketKeys,
      maxRequests: maxRequests === 0 ? 0 : maxRequests + randomInt(Math.floor(maxRequests * maxRequestsJitter) + 1),
      beat: timeout === 0 ? BEAT : Math.max(FASTEST_BEAT, Math.min(BEAT, Math.floor(timeout / 4))),
    },
  });
}

/** A port that nobody uses now; the inspector of a worker opens it only where the worker hangs. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
