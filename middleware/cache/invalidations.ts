/** What was invalidated, and when: by a clock that counts invalidations. */

import { BoundedMap } from "../../src/bounded-map.ts";

export class Invalidations {
  #clock = 0;
  readonly #last = new BoundedMap<string, number>(10_000);
  /** URIs of which the store may still have what was invalidated: the time of that, 0 for the others. */
  readonly #pending = new BoundedMap<string, number>(10_000);

  get now(): number {
    return this.#clock;
  }

  /** Whether a URI was invalidated after a time. */
  isAfter(uri: string, time: number): boolean {
    return (this.#last.get(uri) ?? 0) > time;
  }

  /** Whether the store may still have what was invalidated. */
  isPending(uri: string): boolean {
    return (this.#pending.get(uri) ?? 0) > 0;
  }

  /** A URI is invalidated now. The function it returns is called when the store has forgotten it. */
  add(uri: string): () => void {
    const now = ++this.#clock;
    this.#last.set(uri, now);
    this.#pending.set(uri, now);
    return () => {
      if (this.#pending.get(uri) === now) this.#pending.set(uri, 0);
    };
  }

  /** What the store has of a URI is newer. */
  replaced(uri: string): void {
    if (this.isPending(uri)) this.#pending.set(uri, 0);
  }
}
