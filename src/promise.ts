/** Telling a promise from a value, so that no promise is made where a value will do. */

export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> & object {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
