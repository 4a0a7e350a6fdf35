/** A memo of a bounded size, for keys that clients may choose. */

/**
 * Remembers at least the `limit` entries used last and at most twice as many. Two generations instead of a list in the order
 * of use: a look-up of a recent key costs no more than that of a `Map`.
 */
export class BoundedMap<Key, Value> {
  readonly #limit: number;
  #recent: Map<Key, Value> = new Map();
  #older: Map<Key, Value> = new Map();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: Key): Value | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const older = this.#older.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: Key, value: Value): void {
    if (this.#recent.size >= this.#limit) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, value);
  }
}
