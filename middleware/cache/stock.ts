/** What is stored by URI: an index of what its responses vary by, and the responses; nothing that was invalidated. */

import type { AppResponse, Environ } from "../../src/gateway.ts";
import { isPromise } from "../../src/promise.ts";
import { randomId } from "../../src/random-id.ts";
import { type Asked, selectionOf } from "./asked.ts";
import type { GuardedStore } from "./guarded-store.ts";
import { Invalidations } from "./invalidations.ts";
import type { Judgement } from "./judgement.ts";
import type { CacheEntry } from "./store.ts";
import { asIndex, type Index, retentionOf, type Stored, storedHead } from "./stored.ts";

/** How long an index is kept at least, in milliseconds. */
const DAY = 24 * 60 * 60 * 1000;

const NO_BYTES = new Uint8Array();

/** An entry of the store, which may take its time. */
type Found = CacheEntry | undefined | Promise<CacheEntry | undefined>;

/** Of which request something is to be stored. */
export interface Origin {
  readonly asked: Asked;
  readonly environ: Environ;
  /** The index that was found for it. */
  readonly index: Index | undefined;
  /** When it was made, by the clock of invalidations. */
  readonly since: number;
}

/** A response to be stored, with its body read. */
export interface Received {
  readonly response: Pick<AppResponse, "status" | "headers">;
  readonly judgement: Judgement;
  /** The fields that it varies by. */
  readonly fields: readonly string[];
  readonly body: Uint8Array;
}

/** Stock keeps responses in a store. */
export class Stock {
  readonly #store: GuardedStore;
  readonly #invalidations = new Invalidations();

  constructor(store: GuardedStore) {
    this.#store = store;
  }

  /** The time by the clock of invalidations. */
  get now(): number {
    return this.#invalidations.now;
  }

  /** The entry of the index of a URI; undefined where the store may still have what was invalidated. */
  index({ uri }: Asked, environ: Environ): Found {
    return this.#invalidations.isPending(uri) ? undefined : this.#store.get(indexKey(uri), environ);
  }

  /** The entry of the response to a request. */
  response(index: Index, asked: Asked, selection: string, environ: Environ): Found {
    return this.#store.get(responseKey(index, asked, selection), environ);
  }

  /** Stores a response, unless it may not be kept or was invalidated meanwhile; gives it, and what its URI now varies by. */
  keep(
    { asked, environ, index: known, since }: Origin,
    { response, judgement, fields, body }: Received,
  ): { readonly stored: Stored; readonly vary: readonly string[] } {
    // Another response may have been stored meanwhile.
    const latest = this.index(asked, environ);
    const index = (isPromise(latest) ? undefined : asIndex(latest)) ?? known;
    const vary = [...new Set([...(index?.vary ?? []), ...fields])];
    const meta = storedHead(response, judgement, selectionOf(environ, vary));
    const stored: Stored = { meta, body };
    const retention = retentionOf(meta);
    if (retention > 0 && !this.#invalidations.isAfter(asked.uri, since)) {
      const next: Index = { id: index?.id ?? randomId(16), vary };
      this.#store.set(indexKey(asked.uri), { meta: next, body: NO_BYTES }, Math.max(retention, DAY), environ);
      this.#store.set(responseKey(next, asked, meta.selection), stored, retention, environ);
      // What was invalidated had another id.
      this.#invalidations.replaced(asked.uri);
    }
    return { stored, vary };
  }

  /** What is stored of a URI is not given any more. */
  invalidate(uri: string, environ: Environ): void {
    this.#store.delete(indexKey(uri), environ, this.#invalidations.add(uri));
  }
}

function indexKey(uri: string): string {
  return `uri ${uri}`;
}

function responseKey({ id }: Index, { facets }: Asked, selection: string): string {
  return `${id} ${facets}${selection}`;
}
