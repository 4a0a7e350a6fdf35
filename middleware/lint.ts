/**
 * The contract as a program: wraps an app and checks both sides, what the server gives the app and what the app answers.
 *
 * ```ts
 * export const app = lint(myApp);
 * ```
 *
 * For tests and development: `tsgi/testing` and `tsgi check` use it. It stands where it sees what is to be checked: around
 * an app it checks the app, between two middlewares it checks both. After `wsgiref.validate`, werkzeug's `LintMiddleware`
 * and `Rack::Lint`.
 */

import { BodyReader, type ChunkReader, knownChunks, streamOf } from "../src/body.ts";
import { byteLength, isChunk } from "../src/chunk.ts";
import { TsgiError } from "../src/errors.ts";
import type { App, Body, Chunk, Environ, HeaderList, StartResponse, StatusLine, Write } from "../src/gateway.ts";
import { checkHeaders, TOKEN } from "../src/headers.ts";
import { canonicalPath } from "../src/path.ts";
import { isPromise } from "../src/promise.ts";
import { checkApp } from "../src/stack.ts";
import { parseStatus } from "../src/status.ts";

/**
 * Checks an app and its server against the contract. What breaks a rule throws a `TsgiError` that quotes it, where it
 * happens: `TSGI_LINT_ENVIRON`, `TSGI_LINT_INPUT` and `TSGI_LINT_SERVER` are the server's or an outer middleware's doing,
 * `TSGI_LINT_RESPONSE`, `TSGI_LINT_BODY` and `TSGI_LINT_ERRORS` the app's, `TSGI_LINT_DROPPED` that of a middleware
 * between two lints that did not finish the inner body.
 */
export function lint(app: App): App {
  checkApp(app, "lint");
  return function lint(environ, startResponse) {
    const exchange = new LintedExchange(environ);
    const start = (...args: [StatusLine, HeaderList, unknown?]): Write => exchange.start(args, startResponse);
    const result = app(exchange.environ, start);
    return isPromise<Body>(result) ? result.then((body) => exchange.check(body)) : exchange.check(result);
  };
}

function violation(code: string, problem: string, rule: string): TsgiError {
  return new TsgiError(`TSGI_LINT_${code}`, `${problem}, but the contract says: ${JSON.stringify(rule)}`);
}

/** The bodies of each request that are still to be finished, by its `tsgi.state`, which all layers share. */
const openBodies = new WeakMap<object, Set<LintedBody>>();

class LintedExchange {
  /** What the app is given: the same request with checked streams. */
  readonly environ: Environ;
  readonly #before: Environ;
  #status: StatusLine | undefined;
  #bodiless = false;
  #declared = -1;
  #length = 0;
  #isHead: boolean;

  constructor(environ: Environ) {
    checkEnviron(environ);
    const errors = environ["tsgi.errors"];
    this.environ = {
      ...environ,
      "tsgi.input": new LintedInput(environ["tsgi.input"]),
      "tsgi.errors": {
        write(text) {
          if (typeof text !== "string") throw violation("ERRORS", "tsgi.errors got no string", "write(text: string)");
          errors.write(text);
        },
      },
    };
    this.#before = { ...this.environ };
    this.#isHead = environ.REQUEST_METHOD === "HEAD";
  }

  start(args: [StatusLine, HeaderList, unknown?], startResponse: StartResponse): Write {
    const [status, headers, error] = args;
    if (args.length < 2 || args.length > 3) {
      throw violation(
        "RESPONSE",
        `startResponse got ${args.length} arguments`,
        "startResponse(status, headers, error?)",
      );
    }
    if (this.#status !== undefined && error === undefined) {
      throw violation("RESPONSE", "startResponse was called twice", "A second call without `error` throws.");
    }
    const { code, bodiless } = asResponseRule(() => parseStatus(status), "status and headers are well-formed");
    this.#declared = asResponseRule(() => checkHeaders(headers), "status and headers are well-formed");
    if (headers.some(([name]) => name.toLowerCase() === "status")) {
      throw violation("RESPONSE", "there is a header named Status", "the status is startResponse's first argument");
    }
    if (code === 204 && this.#declared >= 0) {
      throw violation("RESPONSE", "204 declares a Content-Length", "204 has no `Content-Length`.");
    }
    this.#status = status;
    this.#bodiless = bodiless;
    const write = startResponse(...(args as Parameters<StartResponse>));
    if (typeof write !== "function") {
      throw violation("SERVER", "startResponse gave no function", "`startResponse` … returns `write`.");
    }
    return (chunk) => {
      this.took(chunk);
      return write(chunk);
    };
  }

  check(body: Body): Body {
    this.#checkUnchanged();
    const chunks = knownChunks(body);
    if (chunks === undefined) return streamOf(new LintedBody(body, this));
    if (this.#status === undefined) {
      throw violation(
        "RESPONSE",
        "the app answered without startResponse",
        "An app calls `startResponse` before its first chunk.",
      );
    }
    for (const chunk of chunks) this.took(chunk);
    this.ended();
    if (this.open.size > 0) throw dropped();
    return body;
  }

  /** The app sends a chunk. */
  took(chunk: Chunk): void {
    if (!isChunk(chunk)) throw violation("BODY", `a chunk is ${typeof chunk}`, "type Chunk = string | Uint8Array");
    if (chunk.length === 0) return;
    if (this.#status === undefined) {
      throw violation("RESPONSE", "a chunk came before startResponse", "Nothing is sent before `startResponse`.");
    }
    if (this.#bodiless) {
      throw violation("BODY", `a response with ${this.#status} has a body`, "HEAD, 204 and 304 send no body");
    }
    this.#length += byteLength(chunk);
    if (this.#declared >= 0 && this.#length > this.#declared && !this.#isHead) {
      throw violation(
        "BODY",
        `the body is longer than its Content-Length of ${this.#declared}`,
        "A body is as long as declared.",
      );
    }
  }

  /** The body came to its own end. */
  ended(): void {
    if (this.#status === undefined) {
      throw violation(
        "RESPONSE",
        "the body ended without startResponse",
        "An app calls `startResponse` before its first chunk.",
      );
    }
    if (this.#declared > this.#length && !this.#bodiless && !this.#isHead) {
      throw violation(
        "BODY",
        `the body is ${this.#length} bytes of its declared ${this.#declared}`,
        "A body is as long as declared.",
      );
    }
  }

  #checkUnchanged(): void {
    for (const key of new Set([...Object.keys(this.#before), ...Object.keys(this.environ)])) {
      if (this.#before[key] !== this.environ[key]) {
        throw violation(
          "ENVIRON",
          `the app changed ${key} of its environ`,
          "Never change the environ that you were given",
        );
      }
    }
  }

  get open(): Set<LintedBody> {
    const state = this.environ["tsgi.state"];
    const open = openBodies.get(state) ?? new Set();
    openBodies.set(state, open);
    return open;
  }
}

function asResponseRule<T>(check: () => T, rule: string): T {
  try {
    return check();
  } catch (error) {
    throw violation("RESPONSE", (error as Error).message, rule);
  }
}

class LintedBody implements ChunkReader {
  readonly isAsync: boolean;
  readonly #inner: BodyReader;
  readonly #exchange: LintedExchange;
  #ended = false;
  #finished = false;
  #reading = false;
  /** The bodies of inner layers that were open when this one came: whoever made this one out of them finishes them. */
  readonly #within: Set<LintedBody>;

  constructor(body: Body, exchange: LintedExchange) {
    this.#inner = new BodyReader(body);
    this.isAsync = this.#inner.isAsync;
    this.#exchange = exchange;
    this.#within = new Set(exchange.open);
    exchange.open.add(this);
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    if (this.#finished)
      throw violation("SERVER", "a finished body is read", "The body is always finished, exactly once");
    if (this.#reading) {
      throw violation(
        "SERVER",
        "a chunk is asked for before the last one came",
        "The next chunk is asked for when the client has room for it.",
      );
    }
    const chunk = this.#inner.next();
    if (!isPromise(chunk)) return this.#take(chunk);
    this.#reading = true;
    return this.#settle(chunk);
  }

  async #settle(pending: Promise<Chunk | undefined>): Promise<Chunk | undefined> {
    try {
      return this.#take(await pending);
    } finally {
      this.#reading = false;
    }
  }

  #take(chunk: Chunk | undefined): Chunk | undefined {
    if (chunk !== undefined) this.#exchange.took(chunk);
    else {
      this.#ended = true;
      this.#exchange.ended();
    }
    return chunk;
  }

  finish(): Promise<unknown> | undefined {
    if (this.#finished && !this.#ended) {
      throw violation("SERVER", "the body is finished a second time", "The body is always finished, exactly once");
    }
    this.#finished = true;
    this.#exchange.open.delete(this);
    const finishing = this.#inner.finish();
    if (finishing !== undefined) return finishing.then(() => this.#checkDropped());
    this.#checkDropped();
    return undefined;
  }

  #checkDropped(): void {
    for (const body of this.#within) {
      if (!body.#finished)
        throw violation("DROPPED", "an inner body was never finished", "Whoever drops a body finishes it.");
    }
  }
}

function dropped(): TsgiError {
  return violation("DROPPED", "an inner body was never finished", "Whoever drops a body finishes it.");
}

class LintedInput implements AsyncIterableIterator<Uint8Array> {
  readonly #inner: AsyncIterable<Uint8Array>;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #ended = false;

  constructor(inner: AsyncIterable<Uint8Array>) {
    this.#inner = inner;
  }

  [Symbol.asyncIterator](): this {
    if (this.#iterator !== undefined)
      throw violation("INPUT", "the input is read a second time", "read once, ends by itself");
    this.#iterator = this.#inner[Symbol.asyncIterator]();
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#ended) throw violation("INPUT", "the input is read after its end", "read once, ends by itself");
    const step = await (this.#iterator as AsyncIterator<Uint8Array>).next();
    if (step.done) this.#ended = true;
    else if (!(step.value instanceof Uint8Array)) {
      throw violation("INPUT", `the input gave ${typeof step.value}`, "AsyncIterable<Uint8Array>");
    }
    return step;
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#ended = true;
    await this.#iterator?.return?.();
    return { done: true, value: undefined };
  }
}

const STRINGS = [
  "REQUEST_METHOD",
  "SCRIPT_NAME",
  "PATH_INFO",
  "QUERY_STRING",
  "REQUEST_URI",
  "SERVER_NAME",
  "SERVER_PORT",
  "SERVER_PROTOCOL",
  "REMOTE_ADDR",
  "REMOTE_PORT",
] as const;
const FLAGS = ["tsgi.multithread", "tsgi.multiprocess", "tsgi.run_once"] as const;
const OBJECTS = ["tsgi.input", "tsgi.errors", "tsgi.exchange", "tsgi.params", "tsgi.state"] as const;

/** Throws `TSGI_LINT_ENVIRON` for an environ that breaks the contract. */
function checkEnviron(environ: Environ): void {
  const must = (holds: boolean, problem: string, rule: string): void => {
    if (!holds) throw violation("ENVIRON", problem, rule);
  };
  must(typeof environ === "object" && environ !== null, "the environ is no object", "A plain object");
  const prototype = Object.getPrototypeOf(environ);
  must(
    prototype === Object.prototype || prototype === null,
    "the environ has a prototype",
    "A plain object … never `Object.create(environ)`",
  );
  for (const key of STRINGS)
    must(typeof environ[key] === "string", `${key} is ${typeof environ[key]}`, `${key} is a string`);
  for (const key of FLAGS)
    must(typeof environ[key] === "boolean", `${key} is ${typeof environ[key]}`, `${key} is a boolean`);
  for (const key of OBJECTS) {
    must(
      typeof environ[key] === "object" && environ[key] !== null,
      `${key} is ${typeof environ[key]}`,
      `${key} is an object`,
    );
  }
  must(TOKEN.test(environ.REQUEST_METHOD), "REQUEST_METHOD is no token", 'as sent, `"GET"`');
  checkPath(environ, must);
  must(!environ.QUERY_STRING.startsWith("?"), "QUERY_STRING starts with ?", "without `?`; always there");
  must(
    /^HTTP\/\d(\.\d)?$/.test(environ.SERVER_PROTOCOL),
    `SERVER_PROTOCOL is ${environ.SERVER_PROTOCOL}`,
    '`"HTTP/1.1"`',
  );
  must(
    /^\d{0,5}$/.test(environ.SERVER_PORT),
    `SERVER_PORT is ${environ.SERVER_PORT}`,
    "SERVER_PORT is a decimal number",
  );
  const length = environ.CONTENT_LENGTH;
  must(
    length === undefined || /^\d+$/.test(length),
    `CONTENT_LENGTH is ${length}`,
    "a decimal number, where the client sent it",
  );
  for (const key in environ) {
    if (!key.startsWith("HTTP_")) continue;
    must(!/[a-z-]/.test(key), `${key} is not in upper case`, "`HTTP_*`: upper case, `-` as `_`");
    must(key !== "HTTP_CONTENT_TYPE" && key !== "HTTP_CONTENT_LENGTH", `there is ${key}`, "never also as `HTTP_…`");
    must(
      typeof environ[key] === "string" || environ[key] === undefined,
      `${key} is ${typeof environ[key]}`,
      "a header is a string",
    );
  }
  const version = environ["tsgi.version"] as readonly number[] | undefined;
  must(version?.[0] === 1 && version?.[1] === 0, `tsgi.version is ${version}`, "`[1, 0]`");
  must(
    ["http", "https"].includes(environ["tsgi.url_scheme"]),
    `tsgi.url_scheme is ${environ["tsgi.url_scheme"]}`,
    '`"http"` or `"https"`',
  );
  must(Symbol.asyncIterator in environ["tsgi.input"], "tsgi.input cannot be iterated", "`AsyncIterable<Uint8Array>`");
  must(
    typeof environ["tsgi.errors"].write === "function",
    "tsgi.errors has no write",
    "`{ write(text: string): void }`",
  );
}

function checkPath(environ: Environ, must: (holds: boolean, problem: string, rule: string) => void): void {
  const { SCRIPT_NAME: mount, PATH_INFO: path } = environ;
  must(
    mount === "" || (mount.startsWith("/") && !mount.endsWith("/")),
    `SCRIPT_NAME is ${JSON.stringify(mount)}`,
    '`""` at the root; never ends in `/`',
  );
  if (path === "*") {
    must(environ.REQUEST_METHOD === "OPTIONS" && mount === "", 'PATH_INFO is "*"', '`"*"` for `OPTIONS *`');
    return;
  }
  must(path === "" || path.startsWith("/"), `PATH_INFO is ${JSON.stringify(path)}`, '`""` or starts with `/`');
  const whole = mount + path;
  must(
    whole !== "",
    "SCRIPT_NAME and PATH_INFO are both empty",
    "`SCRIPT_NAME + PATH_INFO` is the canonical path of the request.",
  );
  must(
    canonicalPath(whole, false) === whole,
    `the path ${JSON.stringify(whole)} is not canonical`,
    "`SCRIPT_NAME + PATH_INFO` is the canonical path of the request.",
  );
}
