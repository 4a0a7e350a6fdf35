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

import { checkApp } from "../src/apps.ts";
import { byteLength, isChunk } from "../src/body/chunk.ts";
import { knownChunks } from "../src/body/reader.ts";
import { toStream } from "../src/body/stream.ts";
import { isSwitching } from "../src/exchange/failures.ts";
import type { App, Body, Chunk, Environ, HeaderList, StartResponse, StatusLine, Write } from "../src/gateway.ts";
import { isPromise, mayBeDropped } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { checkEnviron } from "./lint/check-environ.ts";
import { checkHead, isEqual } from "./lint/check-head.ts";
import { type BodyWatch, LintedBody } from "./lint/linted-body.ts";
import { LintedInput } from "./lint/linted-input.ts";
import { dropped, violation } from "./lint/violation.ts";

/**
 * lint checks an app and its server against the contract. What breaks a rule throws a `TsgiError` that quotes it with its
 * number, where it happens: `TSGI_LINT_ENVIRON`, `TSGI_LINT_INPUT` and `TSGI_LINT_SERVER` are the server's or an outer
 * middleware's doing, `TSGI_LINT_RESPONSE`, `TSGI_LINT_BODY` and `TSGI_LINT_ERRORS` the app's, `TSGI_LINT_DROPPED` that of a
 * middleware between two lints that did not close the inner body.
 */
export function lint(app: App): App {
  checkApp(app, "lint");
  const outer: App = function lint(environ, startResponse) {
    const exchange = new LintedExchange(environ);
    const start = (...args: [StatusLine, HeaderList, unknown?]): Write => exchange.start(args, startResponse);
    const result = app(exchange.environ, start);
    return isPromise<Body>(result) ? result.then((body) => exchange.check(body)) : exchange.check(result);
  };
  return wrapping(outer, app);
}

/**
 * The bodies of each request that are still to be closed, by its `tsgi.state`, which all layers share. A layer between two
 * lints makes its body out of those of the layers within; when its own is closed, or is all there, theirs have to be closed.
 * Layers are told apart by the order in which they are called: an outer one is called before the ones within it.
 */
const openBodies = new WeakMap<object, Set<LintedBody>>();

let exchanges = 0;

class LintedExchange implements BodyWatch {
  readonly order: number = exchanges++;
  /** What the app is given: the same request with checked streams. */
  readonly environ: Environ;
  readonly #before: Environ;
  #status: StatusLine | undefined;
  #bodiless = false;
  #declared = -1;
  #length = 0;
  readonly #isHead: boolean;
  /** The header list that the app passed, and a copy of it as it was. */
  #headers: HeaderList = [];
  #copy: HeaderList = [];

  constructor(environ: Environ) {
    checkEnviron(environ);
    const { "tsgi.errors": errors, "tsgi.input": input } = environ;
    this.environ = {
      ...environ,
      "tsgi.input": new LintedInput(input),
      "tsgi.errors": {
        write(text) {
          if (typeof text !== "string")
            throw violation("ERRORS", `tsgi.errors got a value of type ${typeof text}`, "errors");
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
      throw violation("RESPONSE", `startResponse got ${args.length} arguments`, "arguments");
    }
    if (this.#status !== undefined && error === undefined) {
      throw violation("RESPONSE", "startResponse was called twice", "startOnce");
    }
    if (this.#isUpgraded) {
      if (!isSwitching(status)) throw violation("RESPONSE", "startResponse was called after an upgrade", "upgraded");
      return startResponse(status, headers);
    }
    const { status: parsed, declared } = checkHead(status, headers);
    this.#declared = declared;
    this.#headers = headers;
    this.#copy = headers.map(([name, value]) => [name, value]);
    this.#status = status;
    this.#bodiless = parsed.bodiless;
    const write = startResponse(...(args as Parameters<StartResponse>));
    if (typeof write !== "function") {
      throw violation("SERVER", "startResponse returned no function", "arguments");
    }
    return (chunk) => {
      this.took(chunk);
      return write(chunk);
    };
  }

  check(body: Body): Body {
    this.#checkUnchanged();
    const chunks = knownChunks(body);
    if (chunks === undefined) return toStream(new LintedBody(body, this));
    if (this.#status === undefined && !this.#isUpgraded) {
      throw violation("RESPONSE", "the app answered without startResponse", "startFirst");
    }
    for (const chunk of chunks) if (isPromise(chunk)) mayBeDropped(chunk);
    for (const chunk of chunks) this.took(chunk);
    this.ended();
    if (this.openWithin().length > 0) throw dropped();
    return body;
  }

  /** The app sends a chunk. */
  took(chunk: Chunk): void {
    if (isPromise(chunk)) mayBeDropped(chunk);
    if (!isChunk(chunk)) throw violation("BODY", `a chunk is ${typeof chunk}`, "chunk");
    if (chunk.length === 0) return;
    if (this.#isUpgraded) throw violation("BODY", "a chunk was sent after an upgrade", "upgraded");
    if (this.#status === undefined) {
      throw violation("RESPONSE", "a chunk came before startResponse", "startFirst");
    }
    if (this.#bodiless) {
      throw violation("BODY", `a response with ${this.#status} has a body`, "noBody");
    }
    this.#length += byteLength(chunk);
    if (this.#declared >= 0 && this.#length > this.#declared && !this.#isHead) {
      throw violation("BODY", `the body is longer than its Content-Length of ${this.#declared}`, "length");
    }
  }

  /** The body came to its own end. */
  ended(): void {
    this.#checkUnchanged();
    if (this.#isUpgraded) return;
    if (this.#status === undefined) {
      throw violation("RESPONSE", "the body ended without startResponse", "startFirst");
    }
    if (this.#declared > this.#length && !this.#bodiless && !this.#isHead) {
      throw violation("BODY", `the body is ${this.#length} bytes of its declared ${this.#declared}`, "length");
    }
  }

  get #isUpgraded(): boolean {
    return this.environ["tsgi.exchange"].isUpgraded === true;
  }

  #checkUnchanged(): void {
    if (!isEqual(this.#headers, this.#copy)) {
      throw violation("RESPONSE", "the header list was changed after startResponse", "listIsValue");
    }
    const keys = [...Object.keys(this.#before), ...Object.keys(this.environ)] as (keyof Environ)[];
    for (const key of new Set(keys)) {
      if (this.#before[key] !== this.environ[key]) {
        throw violation("ENVIRON", `the app changed ${key} of its environ`, "neverChanged");
      }
    }
  }

  get open(): Set<LintedBody> {
    const state = this.environ["tsgi.state"];
    const open = openBodies.get(state) ?? new Set();
    openBodies.set(state, open);
    return open;
  }

  openWithin(): LintedBody[] {
    return [...this.open].filter((body) => body.order > this.order);
  }
}
