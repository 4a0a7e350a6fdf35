/**
 * Remembers a visitor from one request to the next.
 *
 * ```ts
 * const page: App = async (environ, startResponse) => {
 *   const visitor = await sessionOf<{ visits: number }>(environ);
 *   const visits = (visitor.get("visits") ?? 0) + 1;
 *   visitor.set("visits", visits);
 *   return text(`visit ${visits}\n`)(environ, startResponse);
 * };
 *
 * export const app = session(page, { keys: [sessionKey] });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { capture } from "../src/exchange/capture.ts";
import type { App, AppResponse, Body, Environ } from "../src/gateway.ts";
import { BOOLEAN, checkOptions, count, type Kind, type Kinds, oneOf, STRING } from "../src/options.ts";
import { isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { Ages } from "./session/ages.ts";
import { GuardedSessionStore } from "./session/guarded-session-store.ts";
import { KeyRing } from "./session/key-ring.ts";
import type { Session } from "./session/open-session.ts";
import { SealedVisit, type Sealing } from "./session/sealed-visit.ts";
import { SessionCookie } from "./session/session-cookie.ts";
import type { SessionStore } from "./session/store.ts";
import { StoredVisit, type Storing } from "./session/stored-visit.ts";

export { type MemorySessionStoreOptions, memorySessionStore } from "./session/memory-session-store.ts";
export type { Session } from "./session/open-session.ts";
export {
  type RedisSessionClient,
  type RedisSessionStoreOptions,
  redisSessionStore,
} from "./session/redis-session-store.ts";
export type { SessionStore } from "./session/store.ts";

/** Where sessions are kept, and for how long: one of `keys` and `store` is required. */
export interface SessionOptions {
  /**
   * Secrets of 32 characters or more, by which sessions are sealed into the cookie. The first one seals, all of them open: to replace
   * a secret, put the new one in front, and take the old one out after `maxAge`. `openssl rand -base64 32` makes one.
   */
  keys?: readonly string[];
  /** Keeps the sessions instead, so that the cookie has an id alone: `redisSessionStore(client)`, `memorySessionStore()`. */
  store?: SessionStore;
  /** After how many milliseconds without use a session ends. Default a day. */
  idleAge?: number;
  /** How many milliseconds after its beginning a session ends, however much it is used. Default a week. */
  maxAge?: number;
  /** Whether the browser keeps the cookie when it is closed. Default `false`. */
  persistent?: boolean;
  /** The name of the cookie. Default `"__Host-session"`, `"__Secure-session"` with a domain or a path, and `"session"` over `http:`. */
  name?: string;
  /** The host that the cookie is sent to, and all names below. Default: the host of the response alone. */
  domain?: string;
  /** The path that the cookie is sent to, and those below. Default `"/"`. */
  path?: string;
  /** Whether requests that come from other sites have the cookie: never, when a link is followed, always. Default `"lax"`. */
  sameSite?: "strict" | "lax" | "none";
  /** How long the store may take to read a session, and again to write it, in milliseconds. Default 400. */
  storeTimeout?: number;
}

const SECRETS: Kind = {
  expected: "a list of secrets of 32 characters or more: [process.env.SESSION_KEY]",
  accepts: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string" && each.length >= 32),
};

const STORE: Kind = {
  expected: "a store: redisSessionStore(client)",
  accepts: (value) =>
    ["get", "create", "replace", "delete"].every(
      (name) => typeof (value as Readonly<Record<string, unknown>> | null)?.[name] === "function",
    ),
};

const KINDS: Kinds<SessionOptions> = {
  keys: SECRETS,
  store: STORE,
  idleAge: count(1000),
  maxAge: count(1000),
  persistent: BOOLEAN,
  name: STRING,
  domain: STRING,
  path: STRING,
  sameSite: oneOf("strict", "lax", "none"),
  storeTimeout: count(1),
};

const DAY = 86_400_000;

/** Where a request has its session. */
const STATE = "session.visit";

/**
 * session gives the requests of one visitor something in common, which `sessionOf(environ)` reads and changes. Who does not ask for it
 * pays nothing: no cookie is opened, no store is asked. It is written only where it has changed, or a tenth of `idleAge` has passed
 * since, and before the head of the response: a later change throws `TSGI_SESSION_CLOSED`. What the client has sent that is not a valid
 * session, is too old or was tampered with, is as good as none, and an id is never taken from a client. An app that fails writes nothing.
 *
 * With `keys` all of it is in the cookie, sealed by AES-256-GCM: the client can neither read nor change it. One of more than about 3 KB
 * throws `TSGI_SESSION_TOO_LARGE`. Of two requests at the same time the last response counts. What a sealed cookie cannot do is to end:
 * whoever has a copy goes on with it after a logout, until its age ends it. Where that matters use a store, or compare `createdAt` with
 * the time that you keep for the user.
 *
 * With `store` the cookie is an id of 256 random bits, and the store knows its hash alone. `clear` and `rotate` end the old id for good,
 * changes that two requests make under different names are both kept, and one that was ended meanwhile does not come to life again.
 * A store that fails, or hangs for longer than `storeTimeout`, is a 503 with `Retry-After` for the requests that need it; it is
 * reported once. The response waits until it is written.
 *
 * Responses that have asked for it get `Vary: Cookie`, and `Cache-Control: private` where they have none; with a cookie they are never
 * shared. After a login, call `clear` or `rotate` first, so that the session cannot have been prepared by another. It does not protect from
 * requests that other sites have a browser send (`csrf`), nor from scripts in the page that act for the user. Behind a proxy it belongs
 * inside of `proxyFix`: only over `https:` the cookie is secure and has its prefix. It needs Node.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function session(app: App, options: SessionOptions): App {
  checkApp(app, "session");
  checkOptions("session", options, KINDS);
  const { keys, store, storeTimeout = 400 } = options;
  if ((keys === undefined) === (store === undefined)) {
    throw new TsgiError("TSGI_BAD_OPTION", "session needs either keys or a store", {
      hint: "Give a secret of 32 characters or more: { keys: [process.env.SESSION_KEY] }.",
    });
  }
  const ages = new Ages(options.idleAge ?? DAY, options.maxAge ?? 7 * DAY);
  const cookieOf = cookies(options);
  if (store !== undefined) {
    const guarded = new GuardedSessionStore(store, storeTimeout);
    const [plain, secure] = cookieOf.map((cookie) => ({ cookie, store: guarded, ages })) as [Storing, Storing];
    return wrapping(stored(app, plain, secure), app);
  }
  const [plain, secure] = cookieOf.map((cookie) => ({
    cookie,
    ring: new KeyRing(keys as readonly string[], `session ${cookie.name}`),
    ages,
  })) as [Sealing, Sealing];
  return wrapping(sealed(app, plain, secure), app);
}

/**
 * sessionOf gives the session of a request, or a promise of it: `const visitor = await sessionOf<{ user: string }>(environ)`. Of several
 * `session` around an app the innermost counts.
 *
 * Throws `TSGI_NO_SESSION` outside of `session`. Throws or rejects with `TSGI_STORE_FAILED`.
 */
export function sessionOf<Data extends object = Record<string, unknown>>(
  environ: Environ,
): Session<Data> | Promise<Session<Data>> {
  const visit = environ["tsgi.state"][STATE];
  if (visit instanceof SealedVisit || visit instanceof StoredVisit) {
    return visit.open() as Session<Data> | Promise<Session<Data>>;
  }
  throw new TsgiError("TSGI_NO_SESSION", "the request has no session", {
    hint: "Wrap the app: session(app, { keys: [process.env.SESSION_KEY] }).",
  });
}

/** The cookies over `http:` and over `https:`. */
function cookies({ name, domain, path = "/", sameSite = "lax", persistent = false }: SessionOptions): SessionCookie[] {
  const settings = { name, domain, path, sameSite, isPersistent: persistent };
  return [false, true].map((isSecure) => new SessionCookie(settings, isSecure));
}

function sealed(app: App, plain: Sealing, secure: Sealing): App {
  return function session(environ, startResponse) {
    const visit = new SealedVisit(environ["tsgi.url_scheme"] === "https" ? secure : plain, environ);
    environ["tsgi.state"][STATE] = visit;
    return app(environ, (status, headers, error) => startResponse(status, visit.close(headers), error));
  };
}

function stored(app: App, plain: Storing, secure: Storing): App {
  return function session(environ, startResponse) {
    const visit = new StoredVisit(environ["tsgi.url_scheme"] === "https" ? secure : plain, environ);
    environ["tsgi.state"][STATE] = visit;
    const inner: App = (environ, startResponse) =>
      app(environ, (status, headers, error) => {
        visit.close();
        return startResponse(status, headers, error);
      });
    let captured: AppResponse | Promise<AppResponse>;
    try {
      captured = capture(inner, environ);
    } catch (error) {
      return visit.refuse(error, startResponse);
    }
    return isPromise(captured)
      ? captured.then(
          (response): Body | Promise<Body> => visit.finish(response, startResponse),
          (error) => visit.refuse(error, startResponse),
        )
      : visit.finish(captured, startResponse);
  };
}
