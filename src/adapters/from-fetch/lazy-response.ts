/**
 * A Fetch `Response` that costs next to nothing as long as nobody looks into it: undici's costs as much as half a request
 * through `node:http`, and reading its body three more. It takes the place of the global one, as Hono's server for Node has
 * it, since frameworks make their responses by that name.
 */

import type { Chunk, HeaderList } from "../../gateway.ts";
import { headerPairs } from "../../http/headers.ts";
import { isNullBody } from "../../http/status.ts";
import { delegateTo } from "./delegate.ts";

const Real = globalThis.Response;

type Init = NonNullable<ConstructorParameters<typeof Response>[1]>;
type LazyBody = string | Uint8Array | ReadableStream<Uint8Array> | null;

/** What a response is made of. */
export interface ResponseParts {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderList;
  readonly body: Chunk | ReadableStream<Uint8Array> | null;
}

class LazyResponse {
  readonly #status: number = 200;
  readonly #statusText: string = "";
  readonly #lines: [name: string, value: string][] = [];
  readonly #body: LazyBody = null;
  #headers: Headers | undefined;
  #real: Response | undefined;
  #isTaken = false;

  constructor(body?: unknown, init?: Init) {
    const copied = body instanceof Uint8Array ? new Uint8Array(body) : (body ?? null);
    if (!isSimple(copied) || (init !== undefined && !isPlain(init, copied))) {
      // Whatever is not simple is the platform's from the start, errors included.
      this.#real = new Real(body as ConstructorParameters<typeof Response>[0], init);
      this.#status = this.#real.status;
      this.#statusText = this.#real.statusText;
      this.#headers = this.#real.headers;
      return;
    }
    this.#body = copied;
    if (init !== undefined) {
      this.#status = init.status ?? 200;
      this.#statusText = init.statusText ?? "";
      if (init.headers !== undefined) this.#lines = linesOf(init.headers as HeadersInit);
    }
    if (typeof copied === "string" && !this.#lines.some(([name]) => name.toLowerCase() === "content-type")) {
      this.#lines.push(["content-type", "text/plain;charset=UTF-8"]);
    }
  }

  static json(data: unknown, init: Init = {}): Response {
    const body = JSON.stringify(data);
    if (body === undefined) return Real.json(data as object, init);
    const headers = new Headers(init.headers as HeadersInit | undefined);
    if (!headers.has("Content-Type")) headers.set("Content-Type", "application/json");
    return new LazyResponse(body, { ...init, headers }) as unknown as Response;
  }

  /** What a response is made of, taken out of it; undefined where only the platform knows. */
  static take(response: unknown): ResponseParts | undefined {
    if (typeof response !== "object" || response === null || !(#real in response)) return undefined;
    const light = response as LazyResponse;
    if (light.#real !== undefined || light.#isTaken) return undefined;
    light.#isTaken = true;
    return {
      status: light.#status,
      statusText: light.#statusText,
      headers: light.#headers === undefined ? light.#lines : [...light.#headers],
      body: light.#body,
    };
  }

  get status(): number {
    return this.#status;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  get headers(): Headers {
    this.#headers ??= new Headers(this.#lines);
    return this.#headers;
  }

  get bodyUsed(): boolean {
    return this.#isTaken || (this.#real?.bodyUsed ?? false);
  }

  /** The response as Fetch knows it. */
  real(): Response {
    if (this.#real === undefined) {
      const init = { status: this.#status, statusText: this.#statusText, headers: this.headers };
      this.#real = new Real(this.#body as ConstructorParameters<typeof Response>[0], init);
      this.#headers = this.#real.headers;
    }
    return this.#real;
  }
}

type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;

function isSimple(body: unknown): body is LazyBody {
  if (body === null || typeof body === "string" || body instanceof Uint8Array) return true;
  return body instanceof ReadableStream && !body.locked;
}

/** Whether nothing in it could be an error. */
function isPlain({ status = 200, statusText = "" }: Init, body: LazyBody): boolean {
  if (!Number.isInteger(status) || status < 200 || status > 599) return false;
  return (body === null || !isNullBody(status)) && (statusText === "" || /^[\t\x20-\x7e]*$/.test(statusText));
}

/** Header lines of their own: what is changed later in an object or list is not meant. */
function linesOf(headers: HeadersInit): [name: string, value: string][] {
  const lines: [name: string, value: string][] = [];
  const pairs = Symbol.iterator in headers ? (headers as Iterable<[string, string]>) : Object.entries(headers);
  for (const [name, value] of pairs) lines.push([name, typeof value === "string" ? value.trim() : String(value)]);
  return lines;
}

delegateTo<Response>(LazyResponse.prototype, Real.prototype);
Object.setPrototypeOf(LazyResponse, Real);

// Responses of the platform, as `fetch` gives them, are responses still; for classes that extend this one nothing changes.
const isInstance = Function.prototype[Symbol.hasInstance];
Object.defineProperty(LazyResponse, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    return isInstance.call(this, value) || (this === LazyResponse && value instanceof Real);
  },
});

/** Puts the light response in the place of the global one, if nobody else has put another there. */
export function patchGlobalResponse(): void {
  if (globalThis.Response === Real) globalThis.Response = LazyResponse as unknown as typeof Response;
}

/** The same of srvx, which h3 answers with: names and values of its headers come in turn. */
interface SrvxResponse {
  _toNodeResponse?(): Omit<ResponseParts, "headers"> & { readonly headers: readonly string[] };
}

/** What a light response is made of, ours or that of srvx; undefined for any other. */
export function takeParts(response: unknown): ResponseParts | undefined {
  const own = LazyResponse.take(response);
  if (own !== undefined) return own;
  const parts = (response as SrvxResponse | null | undefined)?._toNodeResponse?.();
  if (parts === undefined || !Array.isArray(parts.headers)) return undefined;
  const { status, statusText, headers, body } = parts;
  return { status, statusText, headers: headerPairs(headers), body: body ?? null };
}
