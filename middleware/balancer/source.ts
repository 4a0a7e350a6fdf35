/** Where the list of targets comes from, when it changes while the balancer runs. */

import { callOut, isPromise } from "../../src/promise.ts";
import type { BalancerTarget } from "./peer.ts";

/** A list of targets: URLs, or what they are worth as well. */
export type BalancerTargets = readonly (string | BalancerTarget)[];

/**
 * A list that changes: an async iterable gives one list after the other; a function is called again and again, and gives one each
 * time, within 30 seconds. While either fails, the last list stays.
 */
export type BalancerSource = AsyncIterable<BalancerTargets> | (() => BalancerTargets | Promise<BalancerTargets>);

export function isSource(targets: unknown): targets is BalancerSource {
  if (typeof targets === "function") return true;
  return typeof targets === "object" && targets !== null && Symbol.asyncIterator in targets;
}

export interface SourceListener {
  /** Takes a list. What it throws is a failure of the source. */
  onTargets(targets: BalancerTargets): void;
  onFailure(error: unknown): void;
}

/** How long a function may take for its list, in milliseconds: one that never comes would be the last. */
const PATIENCE = 30_000;

/** Follows a source until it is stopped. It does not keep the process running. */
export class Following {
  readonly #iterator: AsyncIterator<BalancerTargets>;
  readonly #refresh: number;
  readonly #listener: SourceListener;
  readonly #isPolled: boolean;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** `refresh`: how long to wait before a function is called again, or an iterable that has failed is asked again. */
  constructor(source: BalancerSource, refresh: number, listener: SourceListener, patience: number = PATIENCE) {
    this.#iterator = typeof source === "function" ? polled(source, patience) : source[Symbol.asyncIterator]();
    this.#refresh = refresh;
    this.#listener = listener;
    this.#isPolled = typeof source === "function";
    this.#ask();
  }

  async #ask(): Promise<void> {
    if (this.#isStopped) return;
    let isLater = this.#isPolled;
    try {
      const step = await this.#iterator.next();
      if (this.#isStopped || step.done) return;
      this.#listener.onTargets(step.value);
    } catch (error) {
      if (this.#isStopped) return;
      isLater = true;
      this.#listener.onFailure(error);
    }
    // A turn of its own at least: the next list may be there already, and the one after it.
    this.#timer = setTimeout(() => this.#ask(), isLater ? this.#refresh : 0).unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    callOut(
      () => this.#iterator.return?.(),
      () => {},
    );
  }
}

function polled(
  list: () => BalancerTargets | Promise<BalancerTargets>,
  patience: number,
): AsyncIterator<BalancerTargets> {
  return {
    async next() {
      return { done: false, value: await inTime(list(), patience) };
    },
  };
}

function inTime<T>(value: T | PromiseLike<T>, patience: number): T | Promise<T> {
  if (!isPromise(value)) return value;
  return new Promise((resolve, reject) => {
    const tooLate = (): void => reject(new Error(`no list has come within ${patience} ms`));
    const timer = setTimeout(tooLate, patience).unref();
    Promise.resolve(value)
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}
