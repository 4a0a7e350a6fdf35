/** A shared cache in front of an app: what is stored, what is under way, and what was invalidated. */

import { checkChunks, joinBytes, toBytes } from "../../src/body/chunk.ts";
import { BodyReader, closeBody, failAfter, knownChunks } from "../../src/body/reader.ts";
import { toStream } from "../../src/body/stream.ts";
import { isClientGone } from "../../src/errors.ts";
import { capture } from "../../src/exchange/capture.ts";
import { reportError } from "../../src/exchange/report.ts";
import { dropBody } from "../../src/exchange/respond.ts";
import type { App, AppResponse, Environ } from "../../src/gateway.ts";
import { getHeader } from "../../src/http/headers.ts";
import { notModifiedHeaders } from "../../src/http/precondition.ts";
import { andThen, isPromise } from "../../src/promise.ts";
import { type Asked, isSelective, selectionOf } from "./asked.ts";
import { detached, drain } from "./background.ts";
import type { Flight } from "./flight.ts";
import { Flights } from "./flights.ts";
import type { GuardedStore } from "./guarded-store.ts";
import { type Directives, directivesOf, isForOthers, type Judgement, judge, varyOf } from "./judgement.ts";
import { type Budget, ownBytes, Recording } from "./recording.ts";
import { Stock } from "./stock.ts";
import {
  asIndex,
  asStored,
  freshenedHeaders,
  freshFor,
  hit,
  type Index,
  isKnownToClient,
  isOfStored,
  mayServeOnError,
  mayUse,
  reused,
  type Stored,
  validating,
  withStatus,
} from "./stored.ts";

export interface SharedCacheOptions {
  readonly limit: number;
  readonly wait: number;
  readonly name: string;
  readonly clientDirectives: boolean;
}

/** Why the app is asked (RFC 9211 §2.2). */
type Why = "uri-miss" | "vary-miss" | "stale" | "request";

/** A request, and what was found for it. */
interface Request {
  readonly asked: Asked;
  readonly environ: Environ;
  readonly index: Index | undefined;
  /** What the client sent of what responses vary by, as far as that is known. */
  readonly selection: string;
  /** Until when it waits for others, by `performance.now()`. */
  readonly deadline: number;
}

/** A request that the app is asked. */
interface Fetching {
  readonly request: Request;
  readonly why: Why;
  /** The stale response that the client may get instead. */
  readonly basis: Stored | undefined;
  /** The request for what is newer than that. */
  readonly validation: Environ | undefined;
  /** Others that wait for the outcome. */
  readonly flight: Flight | undefined;
  /** When it began, by the clock of invalidations. */
  readonly since: number;
}

/** How many bytes may be recorded at a time. */
const RECORDED = 64 * 1024 * 1024;

const ERRORS = new Set(["500", "502", "503", "504"]);
const NO_DIRECTIVES: Directives = new Map();

const GATEWAY_TIMEOUT: AppResponse = {
  status: "504 Gateway Timeout",
  headers: [["Content-Type", "text/plain; charset=utf-8"]],
  body: "Gateway Timeout\n",
};

export class SharedCache {
  readonly #app: App;
  readonly #stock: Stock;
  readonly #options: SharedCacheOptions;
  readonly #flights: Flights;
  readonly #budget: Budget = { left: RECORDED };

  constructor(app: App, store: GuardedStore, options: SharedCacheOptions) {
    this.#app = app;
    this.#stock = new Stock(store);
    this.#options = options;
    this.#flights = new Flights(options.wait);
  }

  /** The response to a plain GET or HEAD. */
  answer(
    asked: Asked,
    environ: Environ,
    deadline: number = performance.now() + this.#options.wait,
  ): AppResponse | Promise<AppResponse> {
    const unknown: Request = { asked, environ, index: undefined, selection: "", deadline };
    return andThen(this.#stock.index(asked, environ), (entry) => {
      const index = asIndex(entry);
      if (index === undefined) return this.#missed(unknown, "uri-miss");
      const selection = selectionOf(environ, index.vary);
      const request: Request = { asked, environ, index, selection, deadline };
      return andThen(this.#stock.response(index, asked, selection, environ), (found) => {
        const stored = asStored(found);
        return stored === undefined ? this.#missed(request, "vary-miss") : this.#found(stored, request);
      });
    });
  }

  #found(stored: Stored, request: Request): AppResponse | Promise<AppResponse> {
    const { environ } = request;
    const left = freshFor(stored);
    const directives = this.#directivesOf(environ);
    if (left > 0 && mayUse(directives, stored, left)) return hit(stored, environ, this.#options.name);
    if (left <= 0 && left + stored.meta.whileRevalidate > 0 && mayUse(directives, stored, 0)) {
      this.#refresh(stored, request);
      return hit(stored, environ, this.#options.name);
    }
    return this.#ask(request, left > 0 ? "request" : "stale", stored, directives);
  }

  #missed(request: Request, why: Why): AppResponse | Promise<AppResponse> {
    return this.#ask(request, why, undefined, this.#directivesOf(request.environ));
  }

  #directivesOf({ HTTP_CACHE_CONTROL: field }: Environ): Directives {
    return this.#options.clientDirectives && field !== undefined ? directivesOf(field) : NO_DIRECTIVES;
  }

  /** Asks the app, or waits for what somebody else has asked it for. */
  #ask(
    request: Request,
    why: Why,
    basis: Stored | undefined,
    directives: Directives,
  ): AppResponse | Promise<AppResponse> {
    const { environ, asked, selection } = request;
    if (directives.has("only-if-cached")) return this.#told(GATEWAY_TIMEOUT, `fwd=${why}; detail=only-if-cached`);
    if (environ.REQUEST_METHOD === "HEAD") {
      return andThen(capture(this.#app, environ), (response) => this.#told(response, `fwd=${why}`));
    }
    const validation = basis && validating(environ, basis);
    const since = this.#stock.now;
    const alone: Fetching = { request, why, basis, validation, flight: undefined, since };
    if (this.#flights.areApart(asked.uri) || (validation === undefined && isSelective(environ)))
      return this.#fetch(alone);
    const key = flightKey(asked, selection);
    const running = this.#flights.find(key);
    if (running === undefined) return this.#fetch({ ...alone, flight: this.#flights.start(key, asked.uri) });
    return running.join(environ, request.deadline - performance.now()).then((landing) => {
      if (landing === undefined) return this.#fetch(alone);
      const { stored, vary } = landing;
      return selectionOf(environ, vary) === stored.meta.selection
        ? reused(stored, environ, `${this.#options.name}; fwd=${why}; collapsed`)
        : this.answer(asked, environ, request.deadline);
    });
  }

  #fetch(fetching: Fetching): AppResponse | Promise<AppResponse> {
    const { request, validation } = fetching;
    const failed = (error: unknown): AppResponse => this.#failed(fetching, error);
    let response: AppResponse | Promise<AppResponse>;
    try {
      response = capture(this.#app, validation ?? request.environ);
    } catch (error) {
      return failed(error);
    }
    return isPromise(response)
      ? Promise.resolve(response).then((settled) => this.#settle(fetching, settled), failed)
      : this.#settle(fetching, response);
  }

  /** Gives the stale response where the app fails and that may be served then; else the error. */
  #failed(fetching: Fetching, error: unknown): AppResponse {
    const { basis, request } = fetching;
    if (basis === undefined || !mayServeOnError(basis) || isClientGone(error)) {
      this.#flights.land(fetching.flight, undefined);
      throw error;
    }
    reportError(request.environ, error);
    this.#flights.land(fetching.flight, basis, request.index?.vary);
    return reused(basis, request.environ, `${this.#options.name}; fwd=stale; detail=stale-if-error`);
  }

  #settle(fetching: Fetching, response: AppResponse): AppResponse | Promise<AppResponse> {
    try {
      return this.#judged(fetching, response);
    } catch (error) {
      this.#flights.land(fetching.flight, undefined);
      return failAfter(() => closeBody(response.body), error);
    }
  }

  #judged(fetching: Fetching, response: AppResponse): AppResponse | Promise<AppResponse> {
    const { basis, validation, request, why } = fetching;
    const { environ } = request;
    const { status, headers, body } = response;
    const code = status.slice(0, 3);
    if (basis !== undefined && validation !== undefined && code === "304") {
      dropBody(body, environ);
      return isOfStored(basis.meta.headers, headers)
        ? this.#freshened(fetching, basis, response)
        : this.#fetch({ ...fetching, basis: undefined, validation: undefined });
    }
    if (basis !== undefined && ERRORS.has(code) && mayServeOnError(basis)) {
      this.#flights.land(fetching.flight, basis, request.index?.vary);
      dropBody(body, environ);
      return reused(basis, environ, `${this.#options.name}; fwd=stale; fwd-status=${code}`);
    }
    const judgement = judge(environ, response);
    const vary = judgement && varyOf(headers);
    if (judgement === undefined || vary === undefined) {
      this.#flights.landApart(fetching.flight);
      return this.#sent(fetching, response, `fwd=${why}`);
    }
    return this.#recorded(fetching, response, judgement, vary);
  }

  /** Stores a response while it is sent. */
  #recorded(
    fetching: Fetching,
    response: AppResponse,
    judgement: Judgement,
    vary: readonly string[],
  ): AppResponse | Promise<AppResponse> {
    const { request, flight, why } = fetching;
    const { headers, body } = response;
    const length = getHeader(headers, "Content-Length");
    const declared = length === undefined ? undefined : Number(length);
    const { limit } = this.#options;
    const chunks = knownChunks(body);
    const size = chunks === undefined ? (declared ?? 0) : checkChunks(chunks);
    if (size > limit || (chunks !== undefined && declared !== undefined && declared !== size)) {
      this.#flights.landApart(fetching.flight);
      return this.#sent(fetching, response, `fwd=${why}`);
    }
    if (!isForOthers(judgement)) this.#flights.landApart(fetching.flight);
    const member = `fwd=${why}; stored`;
    if (chunks !== undefined) {
      this.#keep(fetching, response, judgement, vary, ownBytes(joinBytes(chunks.map(toBytes))));
      return this.#sent(fetching, response, member);
    }
    const recording = new Recording(new BodyReader(body), {
      limit,
      declared,
      budget: this.#budget,
      onEnd: (bytes) => {
        if (bytes === undefined) this.#flights.land(fetching.flight, undefined);
        else this.#keep(fetching, response, judgement, vary, bytes);
      },
      onError: (error) => reportError(request.environ, error),
    });
    if (flight !== undefined) flight.recording = recording;
    return this.#sent(fetching, { ...response, body: toStream(recording) }, member, () => recording.isRecording);
  }

  #keep(
    fetching: Fetching,
    response: Pick<AppResponse, "status" | "headers">,
    judgement: Judgement,
    fields: readonly string[],
    body: Uint8Array,
  ): Stored {
    const { asked, environ, index } = fetching.request;
    const origin = { asked, environ, index, since: fetching.since };
    const { stored, vary } = this.#stock.keep(origin, { response, judgement, fields, body });
    if (isForOthers(judgement)) this.#flights.land(fetching.flight, stored, vary);
    else this.#flights.landApart(fetching.flight);
    return stored;
  }

  /** What was stored still holds. */
  #freshened(fetching: Fetching, basis: Stored, { headers }: AppResponse): AppResponse {
    const { environ } = fetching.request;
    const merged = { status: basis.meta.status, headers: freshenedHeaders(basis.meta.headers, headers) };
    const member = `${this.#options.name}; fwd=${fetching.why}; fwd-status=304`;
    const judgement = judge(environ, merged);
    const vary = judgement && varyOf(merged.headers);
    if (judgement !== undefined && vary !== undefined) {
      return reused(this.#keep(fetching, merged, judgement, vary, basis.body), environ, member);
    }
    // It is this client's alone.
    this.#flights.landApart(fetching.flight);
    const meta = { ...basis.meta, headers: merged.headers, storedAt: Date.now(), age: 0 };
    return reused({ meta, body: basis.body }, environ, member);
  }

  /** A response of the app; where its conditions were replaced, the client's own are judged here. */
  #sent(
    { validation, request: { environ } }: Fetching,
    response: AppResponse,
    member: string,
    isNeeded: () => boolean = () => false,
  ): AppResponse | Promise<AppResponse> {
    const { status, headers, body } = response;
    if (validation === undefined || !isKnownToClient(environ, status, headers)) return this.#told(response, member);
    const known = this.#told(
      { status: "304 Not Modified", headers: notModifiedHeaders(headers), body: undefined },
      member,
    );
    if (isNeeded()) drain(body, environ, isNeeded);
    else dropBody(body, environ);
    return known;
  }

  #told(response: AppResponse, member: string): AppResponse {
    return { ...response, headers: withStatus(response.headers, `${this.#options.name}; ${member}`) };
  }

  /** Asks the app for what is newer than a stale response, after that was sent. */
  #refresh(basis: Stored, request: Request): void {
    const { asked, selection } = request;
    const key = flightKey(asked, selection);
    if (this.#flights.find(key) !== undefined) return;
    const flight = this.#flights.start(key, asked.uri);
    const environ = detached(request.environ);
    const fetching: Fetching = {
      request: { ...request, environ },
      why: "stale",
      basis,
      validation: validating(environ, basis),
      flight,
      since: this.#stock.now,
    };
    setTimeout(async () => {
      try {
        const { body } = await this.#fetch(fetching);
        await drain(body, environ, () => flight.isRecording);
      } catch (error) {
        reportError(environ, error);
      }
    });
  }

  /** What is stored of a URI is not served any more, nor what is on its way. */
  invalidate(uri: string, environ: Environ): void {
    this.#flights.forget(uri);
    this.#stock.invalidate(uri, environ);
  }
}

function flightKey({ uri, facets }: Asked, selection: string): string {
  return `${uri}\n${facets}${selection}`;
}
