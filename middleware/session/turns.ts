/** What concerns one key runs one after the other. */

export class Turns {
  /** For each key what settles with the last one. */
  readonly #last: Map<string, Promise<unknown>> = new Map();

  take<Result>(key: string, run: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const result = before.then(run);
    const settled: Promise<unknown> = result
      .catch(() => {})
      .then(() => {
        if (this.#last.get(key) === settled) this.#last.delete(key);
      });
    this.#last.set(key, settled);
    return result;
  }
}
