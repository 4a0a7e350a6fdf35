/**
 * The platform's own classes, and what a lazy one tells of itself.
 *
 * The keys are registered symbols, so that two copies of tsgi in one process know each other's objects and globals.
 */

/** On a global that was replaced: the platform's. */
export const PLATFORM: unique symbol = Symbol.for("tsgi.platform");
/** On a lazy request: a method that makes the platform's. */
export const REAL_REQUEST: unique symbol = Symbol.for("tsgi.request");
/** On a lazy response: a method that takes out what it is made of. */
export const RESPONSE_PARTS: unique symbol = Symbol.for("tsgi.response");

/** The platform's class or function, even if the global has been replaced. */
export function platformOf<T extends object>(given: T): T {
  return (given as { [PLATFORM]?: T })[PLATFORM] ?? given;
}

/** Whether a global is one that knows lazy objects. */
export function isReplaced(given: unknown): boolean {
  return typeof given === "function" && PLATFORM in given;
}

export const PlatformRequest: typeof Request = platformOf(globalThis.Request);
export const PlatformResponse: typeof Response = platformOf(globalThis.Response);

type Mark = (value: object) => void;

/** Makes `structuredClone` throw for an object, where Node does so for the platform's (from 22 on). */
export const markUncloneable: Mark =
  (globalThis.process?.getBuiltinModule?.("node:worker_threads") as { markAsUncloneable?: Mark } | undefined)
    ?.markAsUncloneable ?? (() => {});

/**
 * Lets `instanceof` of a class that takes the platform's place accept objects of the platform; derived classes stay as they
 * are.
 */
export function acceptInstances(own: object, platform: abstract new (...args: never) => object): void {
  const isInstance = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(own, Symbol.hasInstance, {
    configurable: true,
    value(this: unknown, value: unknown): boolean {
      return isInstance.call(this, value) || (this === own && value instanceof platform);
    },
  });
}
