/**
 * A Fetch `Request` that costs next to nothing unless more is asked for than method, URL, headers and the body as a
 * whole: the platform's, whose body is a stream, makes reading one five times as dear.
 */

import { GatewayRequest } from "../../body/gateway-request.ts";
import { readBytes, requestHeadersOf, requestInit } from "../../body/input.ts";
import type { Environ } from "../../gateway.ts";
import { innerUrlOf, urlOf, urlPath } from "../../http/url.ts";
import { mayBeDropped } from "../../promise.ts";
import { delegateTo } from "./delegate.ts";
import { lazyUrl } from "./lazy-url.ts";
import { markUncloneable, PlatformRequest, REAL_REQUEST } from "./platform.ts";

const decoder = new TextDecoder();
const UNLIMITED = { limit: Number.POSITIVE_INFINITY };

class LazyRequest {
  readonly #environ: Environ;
  readonly #isFullUrl: boolean;
  #url: string | undefined;
  #headers: Headers | undefined;
  #request: Request | undefined;
  #isUsed = false;

  constructor(environ: Environ, isFullUrl: boolean) {
    markUncloneable(this);
    this.#environ = environ;
    this.#isFullUrl = isFullUrl;
  }

  get method(): string {
    return this.#environ.REQUEST_METHOD;
  }

  get url(): string {
    this.#url ??= this.#isFullUrl ? urlOf(this.#environ) : innerUrlOf(this.#environ);
    return this.#url;
  }

  /** What h3 takes instead of parsing `url`, as srvx has it. */
  get _url(): URL {
    const { SCRIPT_NAME, PATH_INFO, QUERY_STRING } = this.#environ;
    const path = this.#isFullUrl ? SCRIPT_NAME + PATH_INFO : PATH_INFO;
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

  text(): Promise<string> {
    return mayBeDropped(this.#bytes().then((bytes) => decoder.decode(bytes)));
  }

  json(): Promise<unknown> {
    return mayBeDropped(this.#bytes().then((bytes) => JSON.parse(decoder.decode(bytes))));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return mayBeDropped(this.#bytes().then(({ buffer }) => buffer));
  }

  blob(): Promise<Blob> {
    return mayBeDropped(this.#parse((body) => body.blob()));
  }

  formData(): Promise<FormData> {
    return mayBeDropped(this.#parse((body) => body.formData()));
  }

  async #parse<T>(parse: (body: Request) => Promise<T>): Promise<T> {
    if (this.#request !== undefined) return parse(this.#request);
    const { CONTENT_TYPE: type } = this.#environ;
    const body = await this.#bytes();
    const headers = type ? { "Content-Type": type } : {};
    return parse(new PlatformRequest("http://a", { method: "POST", body, headers }));
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return mayBeDropped(this.#bytes());
  }

  /** The body in memory of its own: the reader may change it. */
  async #bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#request !== undefined) return new Uint8Array(await this.#request.arrayBuffer());
    if (this.#isUsed) throw new TypeError("Body is unusable: Body has already been read");
    if (this.method === "GET" || this.method === "HEAD") return new Uint8Array();
    this.#isUsed = true;
    return new Uint8Array(await readBytes(this.#environ, UNLIMITED));
  }

  /** The request as Fetch knows it. */
  real(): Request {
    if (this.#request === undefined) {
      const init = requestInit(this.#environ, this.headers, UNLIMITED.limit);
      this.#request = new GatewayRequest(this.url, init) as unknown as Request;
      // It must not pass for one whose body can be read.
      if (this.#isUsed) this.#request.body?.getReader();
    }
    return this.#request;
  }

  [REAL_REQUEST](): Request {
    return this.real();
  }
}

delegateTo<Request>(LazyRequest.prototype as unknown as Request & LazyRequest, PlatformRequest.prototype);
Object.defineProperty(LazyRequest.prototype, "constructor", { get: () => globalThis.Request, configurable: true });

/** A request whose URL is that below the mount, or the full one. */
export function lazyRequest(environ: Environ, isFullUrl: boolean): Request {
  return new LazyRequest(environ, isFullUrl) as unknown as Request;
}
