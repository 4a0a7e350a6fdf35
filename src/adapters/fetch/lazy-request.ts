/** A Fetch `Request` that costs next to nothing as long as nobody asks for more than method, URL and headers. */

import type { Environ } from "../../gateway.ts";
import { headersOf, requestAt } from "../../input.ts";

class LazyRequest {
  readonly #environ: Environ;
  readonly #makeUrl: (environ: Environ) => string;
  #url: string | undefined;
  #headers: Headers | undefined;
  #request: Request | undefined;

  constructor(environ: Environ, makeUrl: (environ: Environ) => string) {
    this.#environ = environ;
    this.#makeUrl = makeUrl;
  }

  get method(): string {
    return this.#environ.REQUEST_METHOD;
  }

  get url(): string {
    this.#url ??= this.#makeUrl(this.#environ);
    return this.#url;
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

// It passes for a `Request`, and whatever else one has is the real one's.
const own = Object.getOwnPropertyNames(LazyRequest.prototype);
for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(Request.prototype))) {
  if (own.includes(name)) continue;
  if (get !== undefined) {
    Object.defineProperty(LazyRequest.prototype, name, {
      configurable: true,
      get(this: LazyRequest) {
        return get.call(this.real());
      },
    });
  } else if (typeof value === "function") {
    Object.defineProperty(LazyRequest.prototype, name, {
      configurable: true,
      value(this: LazyRequest, ...args: unknown[]) {
        return value.apply(this.real(), args);
      },
    });
  }
}
Object.setPrototypeOf(LazyRequest.prototype, Request.prototype);

/** A request whose URL `makeUrl` gives. */
export function lazyRequest(environ: Environ, makeUrl: (environ: Environ) => string): Request {
  return new LazyRequest(environ, makeUrl) as unknown as Request;
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
