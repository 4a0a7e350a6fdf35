import assert from "node:assert/strict";
import { test } from "node:test";
import { Slot, type SlotOwner } from "../../src/supervisor/slot.ts";
import type { Exit, Worker } from "../../src/supervisor/worker.ts";

/** A worker that is ready when it is told to be, and leaves as soon as it is asked to. */
class Simulated {
  readonly pid = 1;
  readonly slot = 0;
  readonly startedAt = Date.now();
  state: Worker["state"] = "starting";
  isHanging = false;
  verdict: string | undefined;
  readonly whenReady: Promise<string | undefined>;
  readonly whenGone: Promise<Exit>;
  #settleReady: (reason: string | undefined) => void = () => {};
  #settleGone: (exit: Exit) => void = () => {};

  constructor() {
    this.whenReady = new Promise((resolve) => {
      this.#settleReady = resolve;
    });
    this.whenGone = new Promise((resolve) => {
      this.#settleGone = resolve;
    });
  }

  becomeReady(): void {
    if (this.state === "gone") return;
    this.state = "ready";
    this.#settleReady(undefined);
  }

  kill(verdict: string): void {
    this.verdict ??= verdict;
    this.state = "gone";
    this.#settleReady(this.verdict);
    this.#settleGone({ code: null, signal: "SIGKILL" });
  }

  drain(): void {
    this.kill("drained");
  }
}

test("Slot: one that is dismissed while its worker starts has none", async () => {
  const workers: Simulated[] = [];
  let isWanted = true;
  const owner = {
    settings: { bootTimeout: 0, linger: 0, grace: 0, log() {} },
    isStopping: false,
    async spawn() {
      const worker = new Simulated();
      workers.push(worker);
      return worker as unknown as Worker;
    },
    wants: () => isWanted,
    changed() {},
    gone() {},
    died() {},
  } as unknown as SlotOwner;
  const slot = new Slot(0, owner);
  const replaced = slot.replace();
  await new Promise(setImmediate);
  isWanted = false;
  await slot.dismiss();
  workers[0]?.becomeReady();
  assert.deepEqual(await replaced, { ok: false, reason: "it is not wanted any more" });
  assert.deepEqual([slot.workers, workers.map(({ state }) => state)], [[], ["gone"]]);
});
