/** A store that may fail or hang: whatever it is asked ends in time, by a `TsgiError`. */

import { TsgiError } from "../../src/errors.ts";
import { writeError } from "../../src/exchange/report.ts";
import type { Environ } from "../../src/gateway.ts";
import { isPromise, mayBeDropped } from "../../src/promise.ts";
import type { SessionStore } from "./store.ts";
import { Turns } from "./turns.ts";

export class GuardedSessionStore {
  /** Writers of one session that have come before each other: each needs a round trip of its own then, not one for each other. */
  readonly turns: Turns = new Turns();
  readonly #store: SessionStore;
  readonly #timeout: number;
  #isFailing = false;

  constructor(store: SessionStore, timeout: number) {
    this.#store = store;
    this.#timeout = timeout;
  }

  /** Throws or rejects with `TSGI_STORE_FAILED`; the first failure in a row is reported. */
  ask<T>(environ: Environ, ask: (store: SessionStore) => T | Promise<T>): T | Promise<T> {
    let answer: T | Promise<T>;
    try {
      answer = ask(this.#store);
    } catch (cause) {
      throw this.#failed(environ, failure("failed", cause));
    }
    if (isPromise(answer)) return this.#inTime(environ, mayBeDropped(Promise.resolve(answer)));
    this.#isFailing = false;
    return answer;
  }

  #inTime<T>(environ: Environ, answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(this.#failed(environ, failure(`took more than ${this.#timeout} ms`)));
      // Where the process was busy, the answer may be there, and has only not been read.
      let timer = setTimeout(() => {
        timer = setTimeout(fail);
      }, this.#timeout);
      answer.then(
        (value) => {
          clearTimeout(timer);
          this.#isFailing = false;
          resolve(value);
        },
        (cause) => {
          clearTimeout(timer);
          reject(this.#failed(environ, failure("failed", cause)));
        },
      );
    });
  }

  #failed(environ: Environ, error: TsgiError): TsgiError {
    if (!this.#isFailing) writeError(environ, error);
    this.#isFailing = true;
    return error;
  }
}

function failure(what: string, cause?: unknown): TsgiError {
  const details = { hint: "Look whether it can be reached, or raise storeTimeout." };
  return new TsgiError(
    "TSGI_STORE_FAILED",
    `the store of session ${what}`,
    cause === undefined ? details : { ...details, cause },
  );
}
