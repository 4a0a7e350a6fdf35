/**
 * A Fetch `Request` that costs next to nothing as long as nobody asks for more than method, URL, headers and the body as a
 * whole: the platform's, whose body is a stream, makes reading one five times as dear.
 */

import { readBytes, requestAt, requestHeadersOf } from "../../body/input.ts";
import type { Environ } from "../../gateway.ts";
import { innerUrlOf, urlOf, urlPath } from "../../http/url.ts";
import { delegateTo } from "./delegate.ts";
import { lazyUrl } from "./lazy-url.ts";

const RealRequest = globalThis.Request;
const decoder = new TextDecoder();

class LazyRequest {
  readonly #environ: Environ;
  readonly #isWhole: boolean;
  #url: string | undefined;
  #headers: Headers | undefined;
  #request: Request | undefined;
  #isUsed = false;

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
    return lazyUrl(this.url, urlPath(path), QUERY_STRING);
  }

  get headers(): Headers {
    this.#headers ??= this.#request?.headers ?? requestHeadersOf(this.#environ);
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#environ["tsgi.exchange"].signal ?? this.real().signal;
  }

  get bodyUsed(): boolean {
    return this.#isUsed || (this.#request?.bodyUsed ?? false);
  }

  async text(): Promise<string> {
    return decoder.decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async blob(): Promise<Blob> {
    return this.#parsed((body) => body.blob());
  }

  async formData(): Promise<FormData> {
    return this.#parsed((body) => body.formData());
  }

  async #parsed<T>(parse: (body: Request) => Promise<T>): Promise<T> {
    if (this.#request !== undefined) return parse(this.#request);
    const { CONTENT_TYPE: type } = this.#environ;
    const body = await this.bytes();
    return parse(new RealRequest("http://a", { method: "POST", body, headers: type ? { "Content-Type": type } : {} }));
  }

  /** The body in memory of its own: the reader may change it. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#request !== undefined) return new Uint8Array(await this.#request.arrayBuffer());
    if (this.#isUsed) throw new TypeError("Body is unusable: Body has already been read");
    if (this.method === "GET" || this.method === "HEAD") return new Uint8Array();
    this.#isUsed = true;
    return new Uint8Array(await readBytes(this.#environ, { limit: Number.POSITIVE_INFINITY }));
  }

  /** The request as Fetch knows it. */
  real(): Request {
    if (this.#request === undefined) {
      this.#request = requestAt(this.#environ, this.url, this.headers, Number.POSITIVE_INFINITY);
      // It must not pass for one whose body can be read.
      if (this.#isUsed) this.#request.body?.getReader();
    }
    return this.#request;
  }
}

delegateTo<Request>(LazyRequest.prototype, Request.prototype);

/** A request whose URL is that below the mount, or the whole. */
export function lazyRequest(environ: Environ, isWhole: boolean): Request {
  return new LazyRequest(environ, isWhole) as unknown as Request;
}

/**
 * Lets `new Request(request)` and `fetch(request)` take a lazy request, if nobody else has put others in the place of
 * these globals: the platform's own look for private members.
 */
export function patchGlobalRequest(): void {
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
