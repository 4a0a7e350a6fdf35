/** The session of one request: what it holds, and what became of it. */

import { TsgiError } from "../../src/errors.ts";
import { type Content, type Kept, readContent, writeContent } from "./kept.ts";

/**
 * What is known of a visitor, from one request to the next. Values are what JSON has: a `Date` comes back as a string. What is changed
 * within a value, `session.get("cart").push(item)`, is kept too.
 */
export interface Session<Data extends object = Record<string, unknown>> {
  /** When it began, in milliseconds since 1970. `rotate` does not change that. */
  readonly createdAt: number;
  /** Whether the client has brought none that is valid. It is only kept once something is in it. */
  readonly isNew: boolean;
  /** The value under a name; undefined where there is none. */
  get<Name extends keyof Data & string>(name: Name): Data[Name] | undefined;
  /** Keeps a value under a name; undefined forgets it. Throws `TSGI_BAD_JSON`, and `TSGI_SESSION_CLOSED`. */
  set<Name extends keyof Data & string>(name: Name, value: Data[Name] | undefined): void;
  /** Forgets a name. Throws `TSGI_SESSION_CLOSED`. */
  delete(name: keyof Data & string): void;
  /**
   * Forgets everything and ends the session: to log out. What is set after it begins another one, so that it is also the first
   * thing to do after a login. Throws `TSGI_SESSION_CLOSED`.
   */
  clear(): void;
  /** Keeps everything under a new id, for when a user gets more rights: the old id is worth nothing. Throws `TSGI_SESSION_CLOSED`. */
  rotate(): void;
  /** Leaves a message for the request that reads it first, mostly the page that a redirect leads to. Throws as `set` does. */
  flash(name: string, message: unknown): void;
  /** Reads a message and forgets it; undefined where there is none. Throws `TSGI_SESSION_CLOSED`. */
  flashed(name: string): unknown;
}

/** What is to be done with a session when its response begins. */
export type Fate =
  /** Nothing. */
  | "same"
  /** To be written only so that it does not grow old. */
  | "touched"
  | "changed"
  /** To be written as another one, under another id. */
  | "renewed"
  | "ended";

export class OpenSession implements Session {
  readonly isNew: boolean;
  readonly #kept: Kept | undefined;
  #content: Content;
  #created: number;
  #isClosed = false;
  #isRotated = false;
  #isCleared = false;
  #isOutdated: boolean;

  /** What is outdated is written again in any case. */
  constructor(kept: Kept | undefined, now: number, isOutdated: boolean) {
    const content = kept === undefined ? undefined : readContent(kept.json);
    this.isNew = content === undefined;
    this.#kept = content === undefined ? undefined : kept;
    this.#content = content ?? { values: new Map(), messages: new Map() };
    this.#created = this.#kept?.created ?? now;
    this.#isOutdated = isOutdated;
  }

  get createdAt(): number {
    return this.#created;
  }

  get content(): Content {
    return this.#content;
  }

  /** Whether it goes on from nothing that was there. */
  get isCleared(): boolean {
    return this.#isCleared;
  }

  get(name: string): unknown {
    return this.#content.values.get(name);
  }

  set(name: string, value: unknown): void {
    this.#keep(this.#changing().values, name, value);
  }

  delete(name: string): void {
    this.#changing().values.delete(name);
  }

  clear(): void {
    this.#changing();
    this.#content = { values: new Map(), messages: new Map() };
    this.#created = Date.now();
    this.#isCleared = true;
  }

  rotate(): void {
    this.#changing();
    this.#isRotated = true;
  }

  flash(name: string, message: unknown): void {
    this.#keep(this.#changing().messages, name, message);
  }

  flashed(name: string): unknown {
    const { messages } = this.#changing();
    const message = messages.get(name);
    messages.delete(name);
    return message;
  }

  /** No change gets into the response any more. */
  close(): void {
    this.#isClosed = true;
  }

  /** What is to be done with it, and what it holds. Throws `TSGI_BAD_JSON`. */
  settle(): { readonly fate: Fate; readonly json: string } {
    const { values, messages } = this.#content;
    if (values.size === 0 && messages.size === 0) return { fate: this.isNew ? "same" : "ended", json: "" };
    let json: string;
    try {
      json = writeContent(this.#content);
    } catch (cause) {
      throw notJson("a value of the session", cause);
    }
    return { fate: this.#fateOf(json), json };
  }

  #fateOf(json: string): Fate {
    if (this.isNew || this.#isRotated || this.#isCleared) return "renewed";
    if (json !== this.#kept?.json) return "changed";
    return this.#isOutdated ? "touched" : "same";
  }

  #changing(): Content {
    if (this.#isClosed) {
      throw new TsgiError("TSGI_SESSION_CLOSED", "the session was changed after the response had begun", {
        hint: "Change it before startResponse is called.",
      });
    }
    return this.#content;
  }

  #keep(map: Map<string, unknown>, name: string, value: unknown): void {
    if (value === undefined) {
      map.delete(name);
      return;
    }
    let json: string | undefined;
    try {
      json = JSON.stringify(value);
    } catch (cause) {
      throw notJson(JSON.stringify(name), cause);
    }
    if (json === undefined) throw notJson(JSON.stringify(name));
    map.set(name, value);
  }
}

function notJson(what: string, cause?: unknown): TsgiError {
  const details = { hint: "Keep numbers, strings, booleans, lists and plain objects." };
  return new TsgiError(
    "TSGI_BAD_JSON",
    `${what} cannot be kept in a session, as JSON cannot hold it`,
    cause === undefined ? details : { ...details, cause },
  );
}
