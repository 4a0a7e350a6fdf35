/** The threads that compress. */

import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Task } from "./coding.ts";

/** What a thread runs: TypeScript where this is, JavaScript where this was compiled. */
const ENTRY = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/** A thread that is started with its first task, and compresses one file at a time. */
export class Thread {
  #worker: Worker | undefined;

  /** Rejects with what went wrong; a thread that broke down with it is replaced. */
  async compress(task: Task): Promise<void> {
    this.#worker ??= new Worker(ENTRY);
    const reply = once(this.#worker, "message");
    this.#worker.postMessage(task);
    const [problem] = await reply.catch((error) => {
      this.#worker = undefined;
      throw error;
    });
    if (problem !== undefined) throw new Error(problem);
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }
}
