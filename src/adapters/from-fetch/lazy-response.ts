/**
 * A Fetch `Response` that costs next to nothing until it is looked into: undici's costs as much as half a request through
 * `node:http`, and reading its body three more. It takes the place of the global one where `fromFetch` is told so, since
 * frameworks make their responses by that name.
 *
 * Whatever is not simple (other bodies, unusual values, errors) is the platform's from the start.
 */

import type { Chunk, HeaderList } from "../../gateway.ts";
import { TOKEN } from "../../http/field-rules.ts";
import { headerPairs } from "../../http/headers.ts";
import { isNullBody } from "../../http/status.ts";
import { delegateTo, named } from "./delegate.ts";
import { acceptInstances, markUncloneable, PLATFORM, PlatformResponse, RESPONSE_PARTS } from "./platform.ts";

type ResponseBody = ConstructorParameters<typeof Response>[0];
type Init = NonNullable<ConstructorParameters<typeof Response>[1]>;
type SimpleBody = string | Uint8Array | null;
type Lines = [name: string, value: string][];

/** What a response is made of. */
export interface ResponseParts {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderList;
  readonly body: Chunk | ReadableStream<Uint8Array> | null;
}

/** Says that the second argument of the constructor is the platform's response. */
const WRAP = Symbol("wrap");

export class LazyResponse {
  #status = 200;
  #statusText = "";
  #lines: Lines = [];
  #body: SimpleBody = null;
  #headers: Headers | undefined;
  #real: Response | undefined;
  #isTaken = false;

  constructor(body?: unknown, init?: Init | null) {
    markUncloneable(this);
    if (body === WRAP) this.#real = init as unknown as Response;
    else if (!this.#isSimple(body, init ?? undefined)) {
      this.#real = new PlatformResponse(body as ResponseBody, init ?? undefined);
    }
  }

  /** Takes over what is simple, and tells whether all of it is. */
  #isSimple(body: unknown, init: Init | undefined): boolean {
    const simple = simpleBody(body);
    if (simple === undefined) return false;
    if (init !== undefined) {
      if (typeof init !== "object") return false;
      const { headers, status = 200, statusText = "" } = init;
      if (!isPlainStatus(status, statusText) || (simple !== null && isNullBody(status))) return false;
      const lines = headers === undefined ? [] : linesOf(headers as HeadersInit);
      if (lines === undefined) return false;
      this.#status = status;
      this.#statusText = statusText;
      this.#lines = lines;
    }
    if (typeof simple === "string" && !this.#lines.some(([name]) => isContentType(name))) {
      this.#lines.push(["content-type", "text/plain;charset=UTF-8"]);
    }
    this.#body = simple;
    return true;
  }

  static error(): Response {
    return wrap(PlatformResponse.error());
  }

  static redirect(...args: Parameters<typeof Response.redirect>): Response {
    return wrap(PlatformResponse.redirect(...args));
  }

  static json(data: unknown, init?: Init | null): Response {
    const body = JSON.stringify(data);
    if (body === undefined || (init !== undefined && (init === null || typeof init !== "object"))) {
      return wrap(PlatformResponse.json(data as object, init as Init));
    }
    // Not spread: it may be a response, whose members are its class's.
    const { headers: given, status, statusText } = init ?? {};
    const headers = new Headers(given as HeadersInit | undefined);
    if (!headers.has("Content-Type")) headers.set("Content-Type", "application/json");
    const made: { -readonly [Key in keyof Init]: Init[Key] } = { headers };
    if (status !== undefined) made.status = status;
    if (statusText !== undefined) made.statusText = statusText;
    return new LazyResponse(body, made) as unknown as Response;
  }

  /**
   * What the response is made of, taken out of it under `RESPONSE_PARTS`: it counts as used then. Undefined where only the
   * platform knows, or where a member has been redefined, which then counts.
   */
  takeParts(): ResponseParts | undefined {
    if (this.#real !== undefined || this.#isTaken) return undefined;
    if (Object.getPrototypeOf(this) !== LazyResponse.prototype || Reflect.ownKeys(this).length > 0) return undefined;
    this.#isTaken = true;
    return {
      status: this.#status,
      statusText: this.#statusText,
      headers: this.#headers === undefined ? this.#lines : [...this.#headers],
      body: this.#body,
    };
  }

  get status(): number {
    return this.#real?.status ?? this.#status;
  }

  get statusText(): string {
    return this.#real?.statusText ?? this.#statusText;
  }

  get ok(): boolean {
    return this.#real?.ok ?? (this.#status >= 200 && this.#status < 300);
  }

  get headers(): Headers {
    this.#headers ??= this.#real?.headers ?? new Headers(this.#lines);
    return this.#headers;
  }

  get bodyUsed(): boolean {
    return this.#isTaken || (this.#real?.bodyUsed ?? false);
  }

  clone(): Response {
    return wrap(this.real().clone());
  }

  /** The response as Fetch knows it. */
  real(): Response {
    if (this.#real === undefined) {
      const init = { status: this.#status, statusText: this.#statusText, headers: this.headers };
      this.#real = new PlatformResponse(this.#body as ResponseBody, init);
      this.#headers = this.#real.headers;
    }
    return this.#real;
  }
}

function wrap(real: Response): Response {
  return new LazyResponse(WRAP, real as unknown as Init) as unknown as Response;
}

type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;

/** A body in memory, bytes copied; undefined for any other. Streams are the platform's, which alone knows which were read. */
function simpleBody(body: unknown): SimpleBody | undefined {
  if (body === null || body === undefined) return null;
  if (typeof body === "string") return body;
  return body instanceof Uint8Array && body.buffer instanceof ArrayBuffer ? new Uint8Array(body) : undefined;
}

/** Whether the platform takes both as they are. */
function isPlainStatus(status: unknown, statusText: unknown): boolean {
  if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) return false;
  return statusText === "" || (typeof statusText === "string" && /^[\t\x20-\x7e]*$/.test(statusText));
}

/** Header lines of their own; undefined where there is one that the platform would change, or refuse. */
function linesOf(headers: HeadersInit): Lines | undefined {
  if (typeof headers !== "object" || headers === null) return undefined;
  const isList = Array.isArray(headers) || headers instanceof Headers;
  // Any other iterable might give its lines only once.
  if (!isList && Symbol.iterator in headers) return undefined;
  const pairs: unknown[] = isList ? [...headers] : Object.entries(headers);
  const lines: Lines = [];
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2 || !isPlainLine(pair[0], pair[1])) return undefined;
    lines.push([pair[0], pair[1]]);
  }
  return lines;
}

/** A value without white space around it. */
const PLAIN_VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

function isPlainLine(name: unknown, value: unknown): boolean {
  return typeof name === "string" && typeof value === "string" && TOKEN.test(name) && PLAIN_VALUE.test(value);
}

function isContentType(name: string): boolean {
  return name.length === 12 && name.toLowerCase() === "content-type";
}

Object.defineProperty(LazyResponse.prototype, RESPONSE_PARTS, { value: LazyResponse.prototype.takeParts });
delegateTo<Response>(LazyResponse.prototype as unknown as Response & LazyResponse, PlatformResponse.prototype);
Object.setPrototypeOf(LazyResponse, PlatformResponse);
for (const name of ["error", "json", "redirect"] as const) named(LazyResponse[name], PlatformResponse[name]);
named(LazyResponse, PlatformResponse);
acceptInstances(LazyResponse, PlatformResponse);
Object.defineProperty(LazyResponse, PLATFORM, { value: PlatformResponse });

/** The lazy response of srvx, which h3 answers with: names and values of its headers come in turn. */
interface SrvxResponse {
  _toNodeResponse?(): Omit<ResponseParts, "headers"> & { readonly headers: readonly string[] };
}

/** What a lazy response is made of, that of any copy of tsgi or of srvx; undefined for any other. */
export function takeParts(response: unknown): ResponseParts | undefined {
  if (typeof response !== "object" || response === null) return undefined;
  const lazy = response as { [RESPONSE_PARTS]?(): ResponseParts | undefined } & SrvxResponse;
  if (lazy[RESPONSE_PARTS] !== undefined) return lazy[RESPONSE_PARTS]();
  const parts = lazy._toNodeResponse?.();
  if (parts === undefined || !Array.isArray(parts.headers)) return undefined;
  const { status, statusText, headers, body } = parts;
  return { status, statusText, headers: headerPairs(headers), body: body ?? null };
}
