/** Responses kept in Redis or Valkey. */

import { createHash } from "node:crypto";
import { TsgiError } from "../../src/errors.ts";
import { checkOptions, STRING } from "../../src/options.ts";
import type { CacheEntry, CacheStore } from "./store.ts";

/** What is used of a client of the package `redis`: `createClient`, `createClientPool`, `createCluster`. */
export interface RedisCacheClient {
  /** Gives a client whose replies are of other types. */
  // biome-ignore lint/suspicious/noExplicitAny: the types of the package depend on modules and versions.
  withTypeMapping(mapping: any): any;
}

/** How a store in Redis names its keys. */
export interface RedisCacheStoreOptions {
  /** What all keys begin with. Default `"tsgi:cache:"`. Caches of different sites that share a server need different ones. */
  prefix?: string;
}

/** The commands of such a client. */
interface Commands {
  get(key: string): Promise<Uint8Array | null>;
  set(key: string, value: Uint8Array, options: { PX: number }): Promise<unknown>;
  del(key: string): Promise<unknown>;
}

/** The first byte of a bulk string in RESP, by which the package names the type: `RESP_TYPES.BLOB_STRING`. */
const BULK_STRING = 36;

/**
 * redisCacheStore keeps responses of `cache` in Redis or Valkey, for all processes that share it. It takes a client of the package
 * `redis` (6 or later), which the caller connects, closes, and listens to for `error`:
 * `redisCacheStore(await createClient({ url }).on("error", console.error).connect())`.
 *
 * Keys are hashes, so that neither URLs nor cookies can be read from them; entries expire by themselves. Give the server a
 * `maxmemory` and the policy `allkeys-lru`. Whoever can write to it decides what clients get. Throws `TSGI_BAD_OPTION`.
 */
export function redisCacheStore(client: RedisCacheClient, options: RedisCacheStoreOptions = {}): CacheStore {
  checkOptions("redisCacheStore", options, { prefix: STRING });
  if (typeof client?.withTypeMapping !== "function") {
    throw new TsgiError("TSGI_BAD_OPTION", "redisCacheStore got something else than a client of the package redis", {
      hint: "Pass await createClient({ url }).connect() of redis 6 or later.",
    });
  }
  const { prefix = "tsgi:cache:" } = options;
  const commands: Commands = client.withTypeMapping({ [BULK_STRING]: Buffer });
  const name = (key: string): string => prefix + createHash("sha256").update(key).digest("base64url");
  return {
    async get(key) {
      const value = await commands.get(name(key));
      return value === null ? undefined : decodeEntry(value);
    },
    set: (key, entry, lifetime) => commands.set(name(key), encoded(entry), { PX: Math.max(1, Math.ceil(lifetime)) }),
    delete: (key) => commands.del(name(key)),
  };
}

/** The length of the data in four bytes, the data as JSON, the bytes. */
function encoded({ meta, body }: CacheEntry): Buffer {
  const head = Buffer.from(JSON.stringify(meta));
  const value = Buffer.allocUnsafe(4 + head.length + body.byteLength);
  value.writeUInt32BE(head.length);
  value.set(head, 4);
  value.set(body, 4 + head.length);
  return value;
}

function decodeEntry(value: Uint8Array): CacheEntry | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.length < 4) return undefined;
  const end = 4 + bytes.readUInt32BE();
  if (end > bytes.length) return undefined;
  return { meta: JSON.parse(bytes.toString("utf8", 4, end)), body: bytes.subarray(end) };
}
