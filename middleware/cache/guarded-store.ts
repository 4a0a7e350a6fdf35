/** A store that may fail or hang: it then has nothing, and is left in peace for a second. */

import { TsgiError } from "../../src/errors.ts";
import { reportError } from "../../src/exchange/report.ts";
import type { Environ } from "../../src/gateway.ts";
import { callOut, isPromise } from "../../src/promise.ts";
import type { CacheEntry, CacheStore } from "./store.ts";

/** How long a store that has failed is not asked, in milliseconds. */
const REST = 1000;

/** How many writes may be under way: each keeps its bytes in memory. */
const WRITES = 100;

export class GuardedStore {
  readonly #store: CacheStore;
  readonly #timeout: number;
  #restsUntil = 0;
  #writes = 0;

  constructor(store: CacheStore, timeout: number) {
    this.#store = store;
    this.#timeout = timeout;
  }

  get #rests(): boolean {
    return this.#restsUntil !== 0 && performance.now() < this.#restsUntil;
  }

  /** Never throws or rejects. */
  get(key: string, environ: Environ): CacheEntry | undefined | Promise<CacheEntry | undefined> {
    if (this.#rests) return undefined;
    try {
      const found = this.#store.get(key);
      return isPromise(found) ? this.#inTime(found, environ) : usable(found);
    } catch (error) {
      this.#failed(error, environ);
      return undefined;
    }
  }

  #inTime(pending: PromiseLike<CacheEntry | undefined>, environ: Environ): Promise<CacheEntry | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#failed(this.#tooSlow(), environ);
        resolve(undefined);
      }, this.#timeout);
      Promise.resolve(pending).then(
        (found) => {
          clearTimeout(timer);
          resolve(usable(found));
        },
        (error) => {
          clearTimeout(timer);
          this.#failed(error, environ);
          resolve(undefined);
        },
      );
    });
  }

  set(key: string, entry: CacheEntry, lifetime: number, environ: Environ): void {
    if (this.#rests || this.#writes >= WRITES) return;
    this.#write(() => this.#store.set(key, entry, lifetime), environ, ignore);
  }

  /** Calls back once it is done; not at all where it fails. */
  delete(key: string, environ: Environ, onDone: () => void): void {
    this.#write(() => this.#store.delete(key), environ, onDone);
  }

  #write(call: () => unknown, environ: Environ, onDone: () => void): void {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      this.#writes--;
      clearTimeout(timer);
    };
    const failed = (error: unknown): void => {
      over();
      this.#failed(error, environ);
    };
    this.#writes++;
    callOut(() => {
      const result = call();
      if (!isPromise(result)) {
        over();
        onDone();
        return;
      }
      timer = setTimeout(() => failed(this.#tooSlow()), this.#timeout);
      // It keeps no process from ending.
      (timer as Partial<NodeJS.Timeout>).unref?.();
      return Promise.resolve(result).then(() => {
        over();
        onDone();
      });
    }, failed);
  }

  /** One failure is reported for each rest. */
  #failed(error: unknown, environ: Environ): void {
    if (this.#rests) return;
    this.#restsUntil = performance.now() + REST;
    reportError(environ, error);
  }

  #tooSlow(): TsgiError {
    return new TsgiError("TSGI_STORE_TIMEOUT", `the store of cache took more than ${this.#timeout} ms`, {
      hint: "Look whether it can be reached, or raise storeTimeout.",
    });
  }
}

/** What a store gives that is an entry; anything else is as good as nothing. */
function usable(found: CacheEntry | undefined): CacheEntry | undefined {
  const { meta, body } = (found ?? {}) as Partial<CacheEntry>;
  return typeof meta === "object" && meta !== null && body instanceof Uint8Array ? found : undefined;
}

function ignore(): void {}
