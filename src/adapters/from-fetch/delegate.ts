/** Objects that pass for objects of the platform, and make those when more is wanted than they know themselves. */

interface Delegate<Real> {
  /** The platform's object, made on first use. */
  real(): Real;
}

/** Gives a class all members of the class that it passes for; a member that it lacks is called on the platform's object. */
export function delegateTo<Real extends object>(own: Delegate<Real>, real: Real): void {
  for (const name of Reflect.ownKeys(real)) {
    const theirs = Object.getOwnPropertyDescriptor(real, name) as PropertyDescriptor;
    const ours = Object.getOwnPropertyDescriptor(own, name);
    const { enumerable = false } = theirs;
    if (theirs.get !== undefined) {
      const { get, set } = theirs;
      Object.defineProperty(own, name, {
        configurable: true,
        enumerable,
        get:
          ours?.get ??
          function (this: Delegate<Real>) {
            return get.call(this.real());
          },
        ...(set && {
          set(this: Delegate<Real>, given: unknown) {
            set.call(this.real(), given);
          },
        }),
      });
    } else if (typeof theirs.value === "function" && name !== "constructor") {
      const { value } = theirs;
      const method =
        ours?.value ??
        function (this: Delegate<Real>, ...args: unknown[]) {
          // Its own, as it may be of a derived class.
          return Reflect.apply(Reflect.get(this.real(), name) as typeof value, this.real(), args);
        };
      Object.defineProperty(own, name, { configurable: true, enumerable, writable: true, value: named(method, value) });
    }
  }
  Object.setPrototypeOf(own, real);
}

/** Gives a function or class the name and the length of another. */
export function named<T extends object>(own: T, like: { readonly name: string; readonly length: number }): T {
  Object.defineProperty(own, "name", { value: like.name, configurable: true });
  Object.defineProperty(own, "length", { value: like.length, configurable: true });
  return own;
}
