/** Looks for workers that hang. */

import { inspectHang } from "./hang.ts";
import type { Worker } from "./worker.ts";

/** How often the workers are looked at, in milliseconds. */
const TICK = 250;

/** Watch ends workers whose event loops hang. */
export class Watch {
  readonly #timer: NodeJS.Timeout;
  #ticked = performance.now();

  /** `workers` gives those whose processes run, `timeout` is in milliseconds, and `onHang` is called for each that hangs. */
  constructor(workers: () => readonly Worker[], timeout: number, onHang: () => void) {
    this.#timer = setInterval(() => {
      const now = performance.now();
      // A supervisor that was itself stopped, or starved, has not heard anybody.
      const late = now - this.#ticked - TICK;
      this.#ticked = now;
      for (const worker of workers()) {
        if (late > TICK) worker.heard += late;
        if (timeout === 0 || worker.state === "starting" || worker.isHanging || now - worker.heard < timeout) continue;
        worker.isHanging = true;
        onHang();
        void inspectHang(worker).then((where) =>
          worker.kill(`it has hung for ${timeout} ms${where === undefined ? "" : ` ${where}`}`),
        );
      }
    }, TICK);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
