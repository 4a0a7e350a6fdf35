/** A Fetch `Request` that costs next to nothing as long as nobody asks for more than method, URL and headers. */

import type { Environ } from "../../gateway.ts";
import { headersOf, requestAt } from "../../input.ts";
import { innerUrlOf, urlOf } from "../../url.ts";
import { lazyUrl } from "./lazy-url.ts";
import { standIn } from "./stand-in.ts";

class LazyRequest {
  readonly #environ: Environ;
  readonly #isWhole: boolean;
  #url: string | undefined;
  #headers: Headers | undefined;
  #request: Request | undefined;

  constructor(environ: Environ, isWhole: boolean) {
    this.#environ = environ;
    this.#isWhole = isWhole;
  }

  get method(): string {
    return this.#environ.REQUEST_METHOD;
  }

  get url(): string {
    this.#url ??= this.#isWhole ? urlOf(this.#environ) : innerUrlOf(this.#environ);
    return this.#url;
  }

  /** What h3 takes instead of parsing `url`, as srvx has it. */
  get _url(): URL {
    const { SCRIPT_NAME, PATH_INFO, QUERY_STRING } = this.#environ;
    const path = this.#isWhole ? SCRIPT_NAME + PATH_INFO : PATH_INFO;
    return lazyUrl(this.url, path === "" || path === "*" ? "/" : path, QUERY_STRING);
  }

  get headers(): Headers {
    this.#headers ??= this.#request?.headers ?? headersOf(this.#environ);
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#environ["tsgi.exchange"].signal ?? this.real().signal;
  }

  get bodyUsed(): boolean {
    return this.#request?.bodyUsed ?? false;
  }

  /** The request as Fetch knows it. */
  real(): Request {
    this.#request ??= requestAt(this.#environ, this.url, this.headers, Number.POSITIVE_INFINITY);
    return this.#request;
  }
}

standIn<Request>(LazyRequest.prototype, Request.prototype);

/** A request whose URL is that below the mount, or the whole. */
export function lazyRequest(environ: Environ, isWhole: boolean): Request {
  return new LazyRequest(environ, isWhole) as unknown as Request;
}

const RealRequest = globalThis.Request;

/**
 * Lets `new Request(request)` and `fetch(request)` take a lazy request, if nobody else has put others in the place of
 * these globals: the platform's own look for private members.
 */
export function acceptLazyRequests(): void {
  if (globalThis.Request !== RealRequest) return;
  globalThis.Request = new Proxy(RealRequest, {
    construct: (target, [input, ...init], derived) => Reflect.construct(target, [realOf(input), ...init], derived),
  });
  globalThis.fetch = new Proxy(globalThis.fetch, {
    apply: (target, self, [input, ...init]) => Reflect.apply(target, self, [realOf(input), ...init]),
  });
}

function realOf(input: unknown): unknown {
  return input instanceof LazyRequest ? input.real() : input;
}
