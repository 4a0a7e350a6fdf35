/** Failures that nobody owns: what would end the process. */

import assert from "node:assert/strict";

/** Runs a test body; fails where a rejection or an exception had no owner, by the time that it and what it started is done. */
export async function allOwned(run: () => unknown): Promise<void> {
  const unowned: unknown[] = [];
  const take = (error: unknown): void => {
    unowned.push(error);
  };
  const before = process.listeners("uncaughtException").slice();
  const beforeRejections = process.listeners("unhandledRejection").slice();
  process.removeAllListeners("uncaughtException");
  process.removeAllListeners("unhandledRejection");
  process.on("uncaughtException", take);
  process.on("unhandledRejection", take);
  try {
    await run();
    // Rejections without an owner are told of after the microtasks, errors of signals and streams in a later tick.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("uncaughtException", take);
    process.off("unhandledRejection", take);
    for (const listener of before) process.on("uncaughtException", listener);
    for (const listener of beforeRejections) process.on("unhandledRejection", listener);
  }
  assert.deepEqual(unowned, []);
}
