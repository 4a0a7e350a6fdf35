/** Values that may be promises: no promise is made where a value will do, and every rejection has a listener. */

export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> & object {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** What `next` makes of a value: at once where the value is there, else a promise. */
export function andThen<T, R>(value: T | PromiseLike<T>, next: (value: T) => R | PromiseLike<R>): R | Promise<R> {
  // A promise of the platform stays itself; any other thenable could call back twice, or throw.
  return (isPromise(value) ? Promise.resolve(value).then(next) : next(value)) as R | Promise<R>;
}

/**
 * Calls foreign code whose result is not awaited: an error that it throws or rejects with goes to `onError` and nowhere
 * else.
 */
export function callOut(call: () => unknown, onError: (error: unknown) => void): void {
  try {
    const result = call();
    if (isPromise(result)) Promise.resolve(result).then(undefined, onError);
  } catch (error) {
    onError(error);
  }
}

/** Marks a promise that may never be awaited: its rejection then does not end the process. Returns the promise. */
export function mayBeDropped<P extends PromiseLike<unknown>>(promise: P): P {
  promise.then(undefined, ignore);
  return promise;
}

/** Calls back when no promise is left that could settle without waiting for input, output or a timer. */
export const whenSettled: (callback: () => void) => void =
  typeof globalThis.process?.nextTick === "function"
    ? // A tick that is set by the callback of a promise comes after all other promises.
      (callback) => queueMicrotask(() => process.nextTick(callback))
    : (callback) => setTimeout(callback);

function ignore(): void {}
