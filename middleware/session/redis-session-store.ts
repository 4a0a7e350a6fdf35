/** Sessions kept in Redis or Valkey. */

import { TsgiError } from "../../src/errors.ts";
import { checkOptions, STRING } from "../../src/options.ts";
import type { SessionStore } from "./store.ts";

/** What is used of a client of the package `redis`: `createClient`, `createClientPool`, `createCluster`. */
export interface RedisSessionClient {
  // biome-ignore lint/suspicious/noExplicitAny: the types of the package depend on modules and versions.
  get(key: string): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  set(key: string, value: string, options: { PX: number }): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  del(key: string): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<any>;
}

/** How a store in Redis names its keys. */
export interface RedisSessionStoreOptions {
  /** What all keys begin with. Default `"tsgi:session:"`. Sites that share a server need different ones. */
  prefix?: string;
}

/** Redis before 8.4 and Valkey have no command for it. */
const REPLACE = `if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3])
return 1`;

/**
 * redisSessionStore keeps sessions in Redis or Valkey, for all processes that share it. It takes a client of the package `redis` (6 or
 * later), which the caller connects, closes, and listens to for `error`; with `disableOfflineQueue: true` requests get their 503 at
 * once while the server is away:
 * `redisSessionStore(await createClient({ url, disableOfflineQueue: true }).on("error", console.error).connect())`.
 *
 * Sessions survive a restart of the server if it writes to the disk (`appendonly yes`), and the policy `volatile-lru` may forget them.
 * Ids cannot be read from the keys. Whoever can write to the server decides who is logged in. Throws `TSGI_BAD_OPTION`.
 */
export function redisSessionStore(client: RedisSessionClient, options: RedisSessionStoreOptions = {}): SessionStore {
  checkOptions("redisSessionStore", options, { prefix: STRING });
  if (typeof client?.eval !== "function" || typeof client.get !== "function") {
    throw new TsgiError("TSGI_BAD_OPTION", "redisSessionStore got something else than a client of the package redis", {
      hint: "Pass await createClient({ url }).connect() of redis 6 or later.",
    });
  }
  const { prefix = "tsgi:session:" } = options;
  const milliseconds = (lifetime: number): number => Math.max(1, Math.ceil(lifetime));
  return {
    get: async (key) => (await client.get(prefix + key)) ?? undefined,
    create: (key, text, lifetime) => client.set(prefix + key, text, { PX: milliseconds(lifetime) }),
    replace: async (key, old, text, lifetime) =>
      (await client.eval(REPLACE, { keys: [prefix + key], arguments: [old, text, String(milliseconds(lifetime))] })) ===
      1,
    delete: async (key) => (await client.del(prefix + key)) === 1,
  };
}
