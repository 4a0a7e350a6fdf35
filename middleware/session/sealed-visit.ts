/** The session of one request, where all of it is in the cookie. */

import { TsgiError } from "../../src/errors.ts";
import type { Environ, HeaderList } from "../../src/gateway.ts";
import type { Ages } from "./ages.ts";
import { readKept, writeKept } from "./kept.ts";
import type { KeyRing } from "./key-ring.ts";
import { OpenSession } from "./open-session.ts";
import { personal, type SessionCookie } from "./session-cookie.ts";

/** What browsers take at most, in bytes of name and value (RFC 6265bis §5.6). */
const MOST_BYTES = 4096;

/** Sealed cookies over one scheme. */
export interface Sealing {
  readonly cookie: SessionCookie;
  readonly ring: KeyRing;
  readonly ages: Ages;
}

export class SealedVisit {
  readonly #sealing: Sealing;
  readonly #environ: Environ;
  #session: OpenSession | undefined;
  #isClosed = false;

  constructor(sealing: Sealing, environ: Environ) {
    this.#sealing = sealing;
    this.#environ = environ;
  }

  open(): OpenSession {
    if (this.#session !== undefined) return this.#session;
    const { cookie, ring, ages } = this.#sealing;
    const sealed = cookie.read(this.#environ);
    const opened = sealed === undefined || sealed.length > MOST_BYTES ? undefined : ring.open(sealed);
    const kept = opened === undefined ? undefined : readKept(opened.text);
    const now = Date.now();
    const valid = kept === undefined || ages.isOver(kept, now) ? undefined : kept;
    const isOutdated = valid !== undefined && (opened?.isOld === true || ages.isOutdated(valid, now));
    this.#session = new OpenSession(valid, now, isOutdated);
    if (this.#isClosed) this.#session.close();
    return this.#session;
  }

  /** The headers of the response, which begins now. Throws `TSGI_SESSION_TOO_LARGE`, `TSGI_BAD_JSON`. */
  close(headers: HeaderList): HeaderList {
    this.#isClosed = true;
    const session = this.#session;
    if (session === undefined) return headers;
    session.close();
    const { fate, json } = session.settle();
    const marked = personal(headers);
    if (fate === "same") return marked;
    const { cookie, ring, ages } = this.#sealing;
    if (fate === "ended") return cookie.remove(marked);
    const now = Date.now();
    const sealed = ring.seal(writeKept({ created: session.createdAt, touched: now, json }));
    if (cookie.name.length + sealed.length > MOST_BYTES) {
      throw new TsgiError(
        "TSGI_SESSION_TOO_LARGE",
        `a session of ${sealed.length} bytes does not fit into a cookie, which has ${MOST_BYTES}`,
        { hint: "Keep less in it, or give session a store." },
      );
    }
    return cookie.set(marked, sealed, ages.left(session.createdAt, now));
  }
}
