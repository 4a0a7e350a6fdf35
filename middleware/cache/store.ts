/** What a store keeps, and how it is asked. */

/** What a store keeps under a key. */
export interface CacheEntry {
  /** What the cache knows about it: plain data, as JSON has it. A store gives it back as it was. */
  readonly meta: unknown;
  /** The bytes. Nobody changes them. */
  readonly body: Uint8Array;
}

/**
 * Where a cache keeps responses. A store that throws, rejects, hangs or forgets only means that the app is asked. Keys may be as
 * long as a request's target and headers.
 */
export interface CacheStore {
  /** Gives the entry under a key, undefined where there is none, or a promise of one of the two. */
  get(key: string): CacheEntry | undefined | Promise<CacheEntry | undefined>;
  /** Keeps an entry for a number of milliseconds at most. */
  set(key: string, entry: CacheEntry, lifetime: number): unknown;
  /** Forgets what is under a key. */
  delete(key: string): unknown;
}
