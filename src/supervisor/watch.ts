/** Looks for workers that hang. */

import { inspectHang } from "./hang.ts";
import type { Worker } from "./worker.ts";

/** Hears of workers that hang. */
export interface Watcher {
  /** A worker has not been heard of for a while, or is heard of again. */
  changed(): void;
  /** A worker has not been heard of since the last time that this was found; `silence` is in milliseconds. */
  silent(worker: Worker, silence: number): void;
  /** A worker is about to be killed. */
  hung(): void;
}

/** How often the workers are looked at, in milliseconds. */
const TICK = 250;

/** After how long nothing is given any more to a worker that was not heard of, in milliseconds. */
export const SILENCE = 1_500;

/** Watch ends workers whose event loops hang, and tells of those that may. */
export class Watch {
  readonly #timer: NodeJS.Timeout;
  readonly #workers: () => readonly Worker[];
  readonly #timeout: number;
  readonly #watcher: Watcher;
  #ticked = performance.now();

  /** `workers` gives those whose processes run, `timeout` is in milliseconds; 0 for none. */
  constructor(workers: () => readonly Worker[], timeout: number, watcher: Watcher) {
    this.#workers = workers;
    this.#timeout = timeout;
    this.#watcher = watcher;
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  #tick(): void {
    const now = performance.now();
    // A supervisor that was itself stopped, or starved, has not heard anybody.
    const late = now - this.#ticked - TICK;
    this.#ticked = now;
    let hasChanged = false;
    for (const worker of this.#workers()) {
      if (late > TICK) worker.heard += late;
      if (worker.state === "starting") continue;
      const silence = now - worker.heard;
      hasChanged ||= worker.isSilent !== silence > SILENCE;
      // Between two times, whatever it had said before was read.
      if (worker.isSilent && silence > SILENCE) this.#watcher.silent(worker, silence);
      worker.isSilent = silence > SILENCE;
      if (this.#timeout > 0 && silence > this.#timeout && !worker.isHanging) this.#end(worker);
    }
    if (hasChanged) this.#watcher.changed();
  }

  #end(worker: Worker): void {
    worker.isHanging = true;
    this.#watcher.hung();
    void inspectHang(worker).then((where) => {
      worker.kill(`it has hung for ${this.#timeout} ms${where === undefined ? "" : ` ${where}`}`);
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
