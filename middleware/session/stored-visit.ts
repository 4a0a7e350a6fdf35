/** The session of one request, where the cookie has an id and a store the rest. */

import { hash, randomBytes } from "node:crypto";
import { text } from "../../src/apps.ts";
import { closeBody, failAfter } from "../../src/body/reader.ts";
import { TsgiError } from "../../src/errors.ts";
import { dropBody, respond } from "../../src/exchange/respond.ts";
import type { AppResponse, Body, Environ, HeaderList, StartResponse } from "../../src/gateway.ts";
import { andThen, isPromise, mayBeDropped } from "../../src/promise.ts";
import type { Ages } from "./ages.ts";
import type { GuardedSessionStore } from "./guarded-session-store.ts";
import { type Kept, merged, readContent, readKept, writeContent, writeKept } from "./kept.ts";
import { type Fate, OpenSession } from "./open-session.ts";
import { personal, type SessionCookie } from "./session-cookie.ts";
import type { SessionStore } from "./store.ts";

/** Sessions in a store, over one scheme. */
export interface Storing {
  readonly cookie: SessionCookie;
  readonly store: GuardedSessionStore;
  readonly ages: Ages;
}

/** What becomes of the cookie: it gets another id, goes, or stays. */
type Change = (headers: HeaderList) => HeaderList;

const ID_BYTES = 32;
const ID = /^[\w-]{43}$/;

/** How often a change is tried anew that other processes have come before, and how long it rests at most, in milliseconds. */
const TURNS = 100;
const REST = 10;

const unavailable = text("Service Unavailable\n", {
  status: "503 Service Unavailable",
  headers: [["Retry-After", "1"]],
});

export class StoredVisit {
  readonly #storing: Storing;
  readonly #environ: Environ;
  #id = "";
  /** What the store has of it. */
  #text = "";
  #opening: OpenSession | Promise<OpenSession> | undefined;
  #session: OpenSession | undefined;
  #isClosed = false;

  constructor(storing: Storing, environ: Environ) {
    this.#storing = storing;
    this.#environ = environ;
  }

  /** Throws or rejects with `TSGI_STORE_FAILED`. */
  open(): OpenSession | Promise<OpenSession> {
    this.#opening ??= this.#load();
    return this.#opening;
  }

  #load(): OpenSession | Promise<OpenSession> {
    const id = this.#storing.cookie.read(this.#environ);
    if (id === undefined || !ID.test(id)) return this.#begin(undefined);
    this.#id = id;
    const loading = this.#storing.store.ask(this.#environ, (store) => store.get(keyOf(id)));
    const session = andThen(loading, (found) => this.#begin(found));
    return isPromise(session) ? mayBeDropped(session) : session;
  }

  #begin(found: string | undefined): OpenSession {
    const now = Date.now();
    const { ages } = this.#storing;
    const kept = typeof found === "string" ? readKept(found) : undefined;
    const valid = kept === undefined || ages.isOver(kept, now) ? undefined : kept;
    this.#text = found ?? "";
    this.#session = new OpenSession(valid, now, valid !== undefined && ages.isOutdated(valid, now));
    if (this.#isClosed) this.#session.close();
    return this.#session;
  }

  /** No change gets into the response any more, which begins now. */
  close(): void {
    this.#isClosed = true;
    this.#session?.close();
  }

  /** Sends what the app has answered, once the session is written. */
  finish(response: AppResponse, startResponse: StartResponse): Body | Promise<Body> {
    const session = this.#session;
    if (session === undefined) return respond(response, startResponse);
    const marked = { ...response, headers: personal(response.headers) };
    let settled: ReturnType<OpenSession["settle"]>;
    try {
      settled = session.settle();
    } catch (error) {
      return failAfter(() => closeBody(response.body), error);
    }
    if (settled.fate === "same") return respond(marked, startResponse);
    return this.#saveAndSend(session, settled, marked, startResponse);
  }

  async #saveAndSend(
    session: OpenSession,
    { fate, json }: { fate: Fate; json: string },
    response: AppResponse,
    startResponse: StartResponse,
  ): Promise<Body> {
    let change: Change;
    try {
      // One limit for all that it takes.
      change = await this.#storing.store.ask(this.#environ, (store) => this.#save(store, session, fate, json));
    } catch (error) {
      if (fate === "touched") return respond(response, startResponse);
      dropBody(response.body, this.#environ);
      return this.refuse(error, startResponse);
    }
    let headers: HeaderList;
    try {
      headers = change(response.headers);
    } catch (error) {
      return failAfter(() => closeBody(response.body), error);
    }
    return respond({ ...response, headers }, startResponse);
  }

  async #save(store: SessionStore, session: OpenSession, fate: Fate, json: string): Promise<Change> {
    const { cookie, ages } = this.#storing;
    const created = session.createdAt;
    const key = keyOf(this.#id);
    if (fate === "ended") {
      await store.delete(key);
      return (headers) => cookie.remove(headers);
    }
    const now = Date.now();
    const lifetime = ages.left(created, now);
    const kept: Kept = { created, touched: now, json };
    if (fate === "renewed") {
      const isEnded = !session.isNew && !(await store.delete(key));
      // It was ended meanwhile, as by a logout: what was in it is not to live on.
      if (isEnded && !session.isCleared) return unchanged;
      const id = randomBytes(ID_BYTES).toString("base64url");
      await store.create(keyOf(id), writeKept(kept), lifetime);
      return (headers) => cookie.set(headers, id, lifetime);
    }
    const isThere = await this.#replace(store, key, kept, lifetime, fate === "touched");
    return isThere ? (headers) => cookie.refresh(headers, this.#id, lifetime) : unchanged;
  }

  /** Writes what has changed, beside what other requests have changed meanwhile. Gives false where one of them has ended it. */
  async #replace(store: SessionStore, key: string, kept: Kept, lifetime: number, isTouch: boolean): Promise<boolean> {
    if (await store.replace(key, this.#text, writeKept(kept), lifetime)) return true;
    if (isTouch) return true;
    return this.#storing.store.turns.take(key, () => this.#merge(store, key, kept, lifetime));
  }

  async #merge(store: SessionStore, key: string, kept: Kept, lifetime: number): Promise<boolean> {
    const read = readContent(readKept(this.#text)?.json ?? "");
    const mine = readContent(kept.json);
    for (let turn = 0; turn < TURNS; turn++) {
      const now = await store.get(key);
      const content = now === undefined ? undefined : readContent(readKept(now)?.json ?? "");
      if (now === undefined || content === undefined || read === undefined || mine === undefined) return false;
      const json = writeContent(merged(read, mine, content));
      if (await store.replace(key, now, writeKept({ ...kept, json }), lifetime)) return true;
      // In step with another process, it would come second again.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(turn, REST)));
    }
    throw new Error(`the session was changed by others ${TURNS} times while it was written`);
  }

  /** Answers with a 503 where it was the store that has failed, else fails. */
  refuse(error: unknown, startResponse: StartResponse): Body | Promise<Body> {
    if (!(error instanceof TsgiError) || error.code !== "TSGI_STORE_FAILED") throw error;
    return unavailable(this.#environ, startResponse);
  }
}

function unchanged(headers: HeaderList): HeaderList {
  return headers;
}

/** Whoever can read a store cannot take over the sessions in it. */
function keyOf(id: string): string {
  return hash("sha256", id, "base64url");
}
