/** Responses kept in memory. */

import { LRUCache } from "lru-cache";
import { checkOptions, count } from "../../src/options.ts";
import type { CacheEntry, CacheStore } from "./store.ts";

/** How much a store in memory keeps. */
export interface MemoryCacheStoreOptions {
  /** All that is kept, in bytes. Default 64 MiB. What was not used for longest goes first. */
  maxSize?: number;
}

/** What an entry takes beside its bytes and texts. */
const OVERHEAD = 500;

/**
 * memoryCacheStore keeps responses of `cache` in the memory of the process, the ones used last. It is what `cache` uses where no
 * store is given; each process has its own. Throws `TSGI_BAD_OPTION`.
 */
export function memoryCacheStore(options: MemoryCacheStoreOptions = {}): CacheStore {
  checkOptions("memoryCacheStore", options, { maxSize: count(1) });
  const { maxSize = 64 * 1024 * 1024 } = options;
  const entries = new LRUCache<string, CacheEntry>({ maxSize });
  return {
    get: (key) => entries.get(key),
    set: (key, entry, lifetime) =>
      entries.set(key, entry, { ttl: Math.max(1, Math.ceil(lifetime)), size: sizeOf(key, entry) }),
    delete: (key) => entries.delete(key),
  };
}

/** A bound of what an entry takes in memory: a string takes up to two bytes for each character. */
function sizeOf(key: string, { meta, body }: CacheEntry): number {
  return body.byteLength + 2 * (key.length + JSON.stringify(meta).length) + OVERHEAD;
}
