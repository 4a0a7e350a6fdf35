/**
 * Calls an app without a socket, for tests: `const response = await request(app, "/path")` is a Fetch `Response`.
 *
 * Entry point `tsgi/testing`. Like the command it stands above the middleware: it runs each app through `lint`.
 */

import { lint } from "../middleware/lint.ts";
import { toBytes } from "./body/chunk.ts";
import { BodyReader, type ChunkReader, knownChunks } from "./body/reader.ts";
import { toStream } from "./body/stream.ts";
import { environBuilder } from "./exchange/environ.ts";
import { Responder } from "./exchange/responder.ts";
import type { Sink } from "./exchange/sink.ts";
import type { App, Body, Chunk, Environ, HeaderList, StatusLine } from "./gateway.ts";
import { hasHeader } from "./http/headers.ts";
import { escapeNonAscii } from "./http/path.ts";
import { isNullBody, type Status } from "./http/status.ts";
import { isPromise } from "./promise.ts";

/** The request to make. */
export interface RequestOptions {
  /** Default `"GET"`. */
  method?: string;
  /** Header lines, as pairs or as an object. `Host: localhost` is added where it is missing. */
  headers?: HeaderList | Readonly<Record<string, string>>;
  /** The request body: anything that `fetch` takes, or an iterable of chunks, sent as they come without a length. */
  body?: RequestBody;
  /** Keys of the environ to replace: a mount point, the peer's address, the scheme. */
  environ?: Partial<Environ>;
  /** Whether the app runs through `lint`. Default `true`. */
  lint?: boolean;
  /** Aborting it is the client going away. */
  signal?: AbortSignal;
}

/** What a request may carry as its body. */
export type RequestBody = Chunk | Blob | FormData | URLSearchParams | Iterable<Chunk> | AsyncIterable<Chunk>;

/** A Fetch `Response` whose body has the app's chunk boundaries, and what a client does not see. */
export interface TestResponse extends Response {
  /** What was written to `tsgi.errors` so far. */
  readonly errors: string;
  /** How often the body that the app returned was finished so far; a chunk or an array needs no finishing. */
  readonly finished: number;
  /** The informational responses that came before this one. */
  readonly informational: readonly { status: StatusLine; headers: HeaderList }[];
}

/**
 * Makes a request of an app. `url` is a path with a query, sent exactly as it is (`"/%61dmin"`, `"//x/../y"`), or an
 * absolute URL that sets scheme and host as well. The response is what the app and the rules of the gateway make of it;
 * only `Date` is missing. Cancelling its body is the client going away.
 *
 * Rejects with the app's own error, or `lint`'s, where the app fails before its head was sent; after it, reading the body
 * does. A target that no server would let through is a 400.
 */
export async function request(app: App, url: string, options: RequestOptions = {}): Promise<TestResponse> {
  const { method = "GET", environ: overrides = {}, signal } = options;
  const { target, scheme, host } = takeApart(url);
  const lines = headerLines(options.headers ?? []);
  if (!hasHeader(lines, "Host")) lines.unshift(["Host", host]);
  const input = await encodeBody(options.body, lines);
  const client = new Client(lines);
  const exchange = new Responder(client, { onError: (error) => client.fail(error) });
  const environ = environBuilder({
    name: "localhost",
    port: scheme === "https" ? "443" : "80",
    scheme,
    errors: { write: (text) => client.log.push(text) },
  })(method, target, "HTTP/1.1", lines.flat(), { address: "127.0.0.1", port: "50000" }, exchange);
  if (environ === undefined) return new Response("400 Bad Request\n", { status: 400 }) as TestResponse;
  if (input !== undefined) environ["tsgi.input"] = input;
  signal?.addEventListener("abort", () => client.leave());
  if (signal?.aborted) client.leave();
  const counted = countFinishes(app, client);
  exchange.run(options.lint === false ? counted : lint(counted), { ...environ, ...overrides });
  return client.response;
}

function takeApart(url: string): { target: string; scheme: "http" | "https"; host: string } {
  const absolute = /^(https?):\/\/([^/?#]+)(.*)$/is.exec(url);
  const target = escapeNonAscii(absolute === null ? url : (absolute[3] as string) || "/") ?? url;
  return {
    target,
    scheme: absolute?.[1]?.toLowerCase() === "https" ? "https" : "http",
    host: absolute?.[2] ?? "localhost",
  };
}

function headerLines(headers: HeaderList | Readonly<Record<string, string>>): [name: string, value: string][] {
  const pairs = Array.isArray(headers) ? (headers as HeaderList) : Object.entries(headers);
  return pairs.map(([name, value]) => [name, value]);
}

/** The body as input, with the headers that a client adds for it. */
async function encodeBody(
  body: RequestBody | undefined,
  lines: [name: string, value: string][],
): Promise<AsyncIterable<Uint8Array> | undefined> {
  if (body === undefined) return undefined;
  if (typeof body !== "string" && !(body instanceof Uint8Array) && isIterable(body)) {
    lines.push(["Transfer-Encoding", "chunked"]);
    return inputOf(body);
  }
  const encoded = new Response(body as ConstructorParameters<typeof Response>[0]);
  const type = encoded.headers.get("Content-Type");
  const bytes = new Uint8Array(await encoded.arrayBuffer());
  if (type !== null && !hasHeader(lines, "Content-Type")) lines.push(["Content-Type", type]);
  if (!hasHeader(lines, "Content-Length")) lines.push(["Content-Length", String(bytes.length)]);
  return inputOf(bytes.length === 0 ? [] : [bytes]);
}

function isIterable(body: object): body is Iterable<Chunk> | AsyncIterable<Chunk> {
  const isForm = body instanceof FormData || body instanceof URLSearchParams;
  return !isForm && (Symbol.asyncIterator in body || Symbol.iterator in body);
}

async function* inputOf(chunks: Iterable<Chunk> | AsyncIterable<Chunk>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield toBytes(chunk);
}

function countFinishes(app: App, client: Client): App {
  const count = (body: Body): Body => {
    if (knownChunks(body) !== undefined) return body;
    const reader: ChunkReader = new BodyReader(body);
    return toStream({
      isAsync: reader.isAsync,
      next: () => reader.next(),
      close() {
        client.finished++;
        return reader.close();
      },
    });
  };
  return function counted(environ, startResponse) {
    const result = app(environ, startResponse);
    return isPromise<Body>(result) ? (result.then(count) as Promise<Body>) : count(result);
  };
}

/** The client's side of a request: a sink that makes a `Response` of what it gets. */
class Client implements Sink {
  readonly requestHeaders: HeaderList;
  readonly log: string[] = [];
  readonly informational: { status: StatusLine; headers: HeaderList }[] = [];
  readonly response: Promise<TestResponse>;
  finished = 0;
  closed = false;
  #settle!: { resolve(response: TestResponse): void; reject(error: unknown): void };
  #failure: { error: unknown } | undefined;
  #watcher: (() => void) | undefined;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #room: (() => void) | undefined;

  constructor(requestHeaders: HeaderList) {
    this.requestHeaders = requestHeaders;
    this.response = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  writeHead(status: Status, headers: HeaderList, length: number): void {
    if (this.#failure !== undefined) this.#settle.reject(this.#failure.error);
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#body = controller;
        },
        pull: () => this.#makeRoom(),
        cancel: () => this.leave(),
      },
      { highWaterMark: 0 },
    );
    const lines = length < 0 ? headers : [...headers, ["Content-Length", String(length)] as const];
    const response = new Response(isNullBody(status.code) ? null : stream, {
      status: status.code,
      statusText: status.reason,
      headers: lines as [string, string][],
    });
    const { log, informational } = this;
    Object.defineProperties(response, {
      errors: { get: () => log.join("") },
      finished: { get: () => this.finished },
      informational: { value: informational },
    });
    this.#settle.resolve(response as TestResponse);
  }

  flush(): void {}

  write(chunk: Chunk): void | Promise<void> {
    if (this.closed) return;
    this.#body?.enqueue(toBytes(chunk));
    if ((this.#body?.desiredSize ?? 1) > 0) return;
    return new Promise((resolve) => {
      this.#room = resolve;
    });
  }

  #makeRoom(): void {
    this.#room?.();
    this.#room = undefined;
  }

  end(chunk?: Chunk): void {
    if (chunk !== undefined && chunk.length > 0) this.#body?.enqueue(toBytes(chunk));
    // What goes wrong while the body is being finished fails the test as well, so the end waits for it.
    setTimeout(() => {
      if (this.closed) return;
      if (this.#failure === undefined) this.#body?.close();
      else this.#body?.error(this.#failure.error);
    });
  }

  abort(): void {
    this.#body?.error(this.#failure?.error);
  }

  onClose(callback: () => void): void {
    this.#watcher = callback;
  }

  leave(): void {
    this.closed = true;
    this.#watcher?.();
    this.#makeRoom();
    this.#settle.reject(new DOMException("The client went away", "AbortError"));
  }

  inform(status: StatusLine, headers: HeaderList): void {
    this.informational.push({ status, headers });
  }
}
