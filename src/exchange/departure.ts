/** The client leaving before its response was handed over, and who wants to know. */

import { callOut } from "../promise.ts";

/**
 * Tells callbacks and a signal that the client is gone, each once. What they throw or reject with goes to `onError`: they are
 * foreign code, and nothing waits for them.
 */
export class Departure {
  readonly #onError: (error: unknown) => void;
  /** Usually at most one: V8 allocates a list for each exchange in its old space, where it keeps all that hangs on it. */
  #callback: (() => unknown) | undefined;
  #moreCallbacks: (() => unknown)[] | undefined;
  #controller: AbortController | undefined;
  #hasLeft = false;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Calls back once; at once if the client is gone already. */
  add(callback: () => unknown): void {
    if (this.#hasLeft) callOut(callback, this.#onError);
    else if (this.#callback === undefined) this.#callback = callback;
    else {
      this.#moreCallbacks ??= [];
      this.#moreCallbacks.push(callback);
    }
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      ownListeners(this.#controller.signal, this.#onError);
      if (this.#hasLeft) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** Lets go of the callbacks: there is nothing to tell any more. */
  release(): void {
    this.#callback = undefined;
    this.#moreCallbacks = undefined;
  }

  /** The client has left. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    const callbacks = [this.#callback, ...(this.#moreCallbacks ?? [])];
    this.release();
    for (const callback of callbacks) if (callback !== undefined) callOut(callback, this.#onError);
    const controller = this.#controller;
    if (controller !== undefined) callOut(() => controller.abort(), this.#onError);
  }
}

type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown } | null;

/** A listener that throws would end the process: the platform throws its error again in a later tick. */
function ownListeners(signal: AbortSignal, onError: (error: unknown) => void): void {
  const add = signal.addEventListener.bind(signal) as (type: string, listener: Listener, options?: unknown) => void;
  const remove = signal.removeEventListener.bind(signal) as typeof add;
  const owned = new WeakMap<object, Listener>();

  function own(listener: Listener): Listener {
    if (listener === null || listener === undefined) return listener;
    const known = owned.get(listener);
    if (known !== undefined) return known;
    const wrapped = function (this: unknown, event: Event): void {
      callOut(
        () => (typeof listener === "function" ? listener.call(this, event) : listener.handleEvent(event)),
        onError,
      );
    };
    owned.set(listener, wrapped);
    return wrapped;
  }

  let handler: ((event: Event) => unknown) | null = null;
  Object.defineProperties(signal, {
    addEventListener: {
      configurable: true,
      writable: true,
      value: (type: string, listener: Listener, options?: unknown) => add(type, own(listener), options),
    },
    removeEventListener: {
      configurable: true,
      writable: true,
      value: (type: string, listener: Listener, options?: unknown) => remove(type, own(listener), options),
    },
    onabort: {
      configurable: true,
      get: () => handler,
      set: (given: unknown) => {
        if (handler !== null) remove("abort", own(handler));
        handler = typeof given === "function" ? (given as (event: Event) => unknown) : null;
        if (handler !== null) add("abort", own(handler));
      },
    },
  });
}
