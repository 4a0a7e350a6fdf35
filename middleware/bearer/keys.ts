/** Where the keys of tokens come from, and whose fault it is that there is none. */

import { codeOf, TsgiError } from "../../src/errors.ts";
import type { KeyFinder, KeySet, loadJose } from "./package.ts";

/** A secret of HMAC, a public key, public keys as JSON, the URL of those, or a function that finds the key. */
export type BearerKeys = Uint8Array | URL | string | KeySet | KeyFinder | object;

/** How long the keys of a URL may take, in milliseconds. */
const TIMEOUT = 3000;

/** How large they may be, in bytes: those of the largest issuers have a hundredth of that. */
const MOST_BYTES = 1024 * 1024;

/** For how long nobody is asked for keys after a failure, in milliseconds. */
const REST = 1000;

/** What jose says of a token, and not of where the keys are. */
const OF_THE_TOKEN: ReadonlySet<string> = new Set([
  "ERR_JWKS_NO_MATCHING_KEY",
  "ERR_JWKS_MULTIPLE_MATCHING_KEYS",
  "ERR_JOSE_NOT_SUPPORTED",
]);

/** Whether keys are public, and those of an issuer that has other tokens too. */
export function areOfIssuer(keys: BearerKeys): boolean {
  return typeof keys === "string" || keys instanceof URL || typeof keys === "function" || isKeySet(keys);
}

export function isKeySet(keys: BearerKeys): keys is KeySet {
  return Array.isArray((keys as Partial<KeySet>).keys);
}

/** Gives what `jwtVerify` takes. A finder rejects with `TSGI_NO_KEYS` where it is not the token's fault. */
export function keysFor(keys: BearerKeys, jose: ReturnType<typeof loadJose>): unknown {
  if (typeof keys === "function") return guarded(keys as KeyFinder);
  if (isKeySet(keys)) return jose.createLocalJWKSet(keys);
  if (typeof keys !== "string" && !(keys instanceof URL)) return keys;
  return guarded(
    jose.createRemoteJWKSet(checkedUrl(keys), { timeoutDuration: TIMEOUT, [jose.customFetch]: boundedFetch }),
  );
}

/** A `fetch` that reads only so much of a body. */
async function boundedFetch(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (response.status !== 200 || response.body === null) return response;
  let size = 0;
  const bounded = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.byteLength;
      if (size <= MOST_BYTES) controller.enqueue(chunk);
      else controller.error(new Error(`the key set has more than ${MOST_BYTES} bytes`));
    },
  });
  return new Response(response.body.pipeThrough(bounded));
}

/** Keys that somebody can replace on their way are those of somebody. */
function checkedUrl(keys: string | URL): URL {
  const url = URL.canParse(String(keys)) ? new URL(keys) : undefined;
  const isLocal = url !== undefined && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLocal)) return url;
  throw new TsgiError("TSGI_BAD_OPTION", `keys of bearer is ${JSON.stringify(String(keys))}`, {
    hint: 'Give a URL with https:, "https://id.example.com/.well-known/jwks.json".',
  });
}

function guarded(find: KeyFinder): KeyFinder {
  let failure: TsgiError | undefined;
  let restsUntil = 0;
  return async (header, token) => {
    if (failure !== undefined && performance.now() < restsUntil) throw failure;
    try {
      const key = await find(header, token);
      failure = undefined;
      return key;
    } catch (cause) {
      if (OF_THE_TOKEN.has(codeOf(cause))) throw cause;
      failure = new TsgiError("TSGI_NO_KEYS", "the keys of bearer cannot be had", {
        hint: "Look whether their URL can be reached from here, and answers with keys as JSON.",
        cause,
      });
      restsUntil = performance.now() + REST;
      throw failure;
    }
  };
}
