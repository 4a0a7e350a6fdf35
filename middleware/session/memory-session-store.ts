/** Sessions kept in memory. */

import { LRUCache } from "lru-cache";
import { checkOptions, count } from "../../src/options.ts";
import type { SessionStore } from "./store.ts";

/** How much a store in memory keeps. */
export interface MemorySessionStoreOptions {
  /** All that is kept, in bytes. Default 64 MiB. The session that was not used for longest goes first. */
  maxSize?: number;
}

/** What a session takes beside its text. */
const OVERHEAD = 500;

/**
 * memorySessionStore keeps sessions in the memory of the process, which forgets them when it ends, and shares them with no other. It
 * is for development, tests, and sites of one process whose visitors can log in again. Throws `TSGI_BAD_OPTION`.
 */
export function memorySessionStore(options: MemorySessionStoreOptions = {}): SessionStore {
  checkOptions("memorySessionStore", options, { maxSize: count(1) });
  const { maxSize = 64 * 1024 * 1024 } = options;
  const sessions = new LRUCache<string, string>({ maxSize });
  const keep = (key: string, text: string, lifetime: number): void => {
    sessions.set(key, text, { ttl: Math.max(1, lifetime), size: 2 * (key.length + text.length) + OVERHEAD });
  };
  return {
    get: (key) => sessions.get(key),
    create: keep,
    replace(key, old, text, lifetime) {
      if (sessions.get(key) !== old) return false;
      keep(key, text, lifetime);
      return true;
    },
    delete: (key) => sessions.delete(key),
  };
}
