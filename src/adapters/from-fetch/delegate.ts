/** Objects that pass for ones of the platform, and make those where more is asked for than they know themselves. */

interface Delegate<Real> {
  /** What it stands for, made on first use. */
  real(): Real;
}

/** Gives a class all members of the one that it stands for: those that it lacks are the real one's. */
export function delegateTo<Real extends object>(own: Delegate<Real>, real: Real): void {
  for (const [name, theirs] of Object.entries(Object.getOwnPropertyDescriptors(real))) {
    const ours = Object.getOwnPropertyDescriptor(own, name);
    if (theirs.get !== undefined) {
      const { get, set } = theirs;
      Object.defineProperty(own, name, {
        configurable: true,
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
    } else if (ours === undefined && typeof theirs.value === "function") {
      Object.defineProperty(own, name, {
        configurable: true,
        value(this: Delegate<Real>, ...args: unknown[]) {
          return theirs.value.apply(this.real(), args);
        },
      });
    }
  }
  Object.setPrototypeOf(own, real);
}
