/** A thread of `tsgi precompress`: compresses one file after the other, and says what went wrong with each. */

import { parentPort } from "node:worker_threads";
import { compressFile, type Task } from "./coding.ts";

parentPort?.on("message", async (task: Task) => {
  let problem: string | undefined;
  try {
    await compressFile(task);
  } catch (error) {
    problem = (error as Error).message;
  }
  parentPort?.postMessage(problem);
});
