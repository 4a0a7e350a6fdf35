/**
 * Calls an app without a socket, for tests: `const response = await request(app, "/path")` is a Fetch `Response`.
 *
 * `webSocket` opens a WebSocket.
 *
 * Entry point `tsgi/testing`. Like the command it stands above the middleware: it runs each app through `lint`.
 */

import { lint } from "../middleware/lint.ts";
import { toBytes } from "./body/chunk.ts";
import { BodyReader, type ChunkReader, knownChunks } from "./body/reader.ts";
import { toStream } from "./body/stream.ts";
import type { App, Body, Chunk, Environ, HeaderList, StatusLine } from "./gateway.ts";
import { hasHeader } from "./http/headers.ts";
import { BOOLEAN, checkOptions, type Kind, listOf, OBJECT, STRING } from "./options.ts";
import { isPromise } from "./promise.ts";
import { begin, Client, parseUrl, requestLines } from "./testing/client.ts";
import type { TestWebSocket } from "./testing/web-socket.ts";

export type { Closed, TestWebSocket } from "./testing/web-socket.ts";

/** The request that `request` makes. */
export interface RequestOptions {
  /** The method, sent as it is. Default `"GET"`. */
  method?: string;
  /** Header lines, as pairs or as an object. Default none; `Host`, the host of the URL, is added where it is missing. */
  headers?: HeaderList | Readonly<Record<string, string>>;
  /**
   * The request body: anything that `fetch` takes, or an iterable of chunks, sent as they come without a length. Default
   * none.
   */
  body?: RequestBody;
  /** Keys of the environ to replace: a mount point, the peer's address, the scheme. Default none. */
  environ?: Partial<Environ>;
  /** Whether the app runs through `lint`, so that what breaks a rule fails the request. Default `true`. */
  lint?: boolean;
  /** A signal whose abortion is the client's leaving. Default: the client stays. */
  signal?: AbortSignal;
}

/** What a request may carry as its body. */
export type RequestBody = Chunk | Blob | FormData | URLSearchParams | Iterable<Chunk> | AsyncIterable<Chunk>;

/** A Fetch `Response` whose body has the app's chunk boundaries, and what a client does not see. */
export interface TestResponse extends Response {
  /** The text that was written to `tsgi.errors` so far. */
  readonly errors: string;
  /** How often the body that the app returned was closed so far; a chunk or an array needs no closing. */
  readonly finished: number;
  /** The informational responses that came before this one. */
  readonly informational: readonly { status: StatusLine; headers: HeaderList }[];
  /** The trailer lines that the app has named, complete once the body was read: a test gets them as if it had asked for them. */
  readonly trailers: HeaderList;
}

/** The WebSocket that `webSocket` opens. */
export interface WebSocketOptions {
  /** The subprotocols that the client offers. Default none. */
  protocols?: readonly string[];
  /** Header lines beside those of the handshake, as pairs or as an object: `Origin`, `Cookie`. Default none. */
  headers?: HeaderList | Readonly<Record<string, string>>;
  /** Whether the client offers to compress messages. Default `false`. */
  compress?: boolean;
  /** Keys of the environ to replace. Default none. */
  environ?: Partial<Environ>;
  /** Whether the app runs through `lint`. Default `true`. */
  lint?: boolean;
}

/** A body, or a list of pairs. */
const ANY: Kind = { expected: "a body", accepts: () => true };
const SIGNAL: Kind = { expected: "an AbortSignal", accepts: (value) => value instanceof AbortSignal };
const HEADERS: Kind = {
  expected: "pairs or an object",
  accepts: (value) => Array.isArray(value) || OBJECT.accepts(value),
};

/**
 * `request` makes a request of an app, without a socket. `url` is a path with a query, sent exactly as it is (`"/%61dmin"`,
 * `"//x/../y"`), or an absolute URL that sets scheme and host as well. The response is what the app and the rules of the
 * gateway make of it; only `Date` is missing. Cancelling its body is the client's leaving.
 *
 * Rejects with the app's own error, or with `lint`'s, where the app fails before its head was sent; after that, reading the
 * body rejects. A target that every server refuses is a 400.
 */
export async function request(app: App, url: string, options: RequestOptions = {}): Promise<TestResponse> {
  checkOptions("request", options, {
    method: STRING,
    headers: HEADERS,
    body: ANY,
    environ: OBJECT,
    lint: BOOLEAN,
    signal: SIGNAL,
  });
  const { method = "GET", environ: overrides = {}, signal } = options;
  const { target, scheme, host } = parseUrl(url);
  const lines = requestLines(options.headers ?? []);
  if (!hasHeader(lines, "Host")) lines.unshift(["Host", host]);
  const input = await encodeBody(options.body, lines);
  const client = new Client(lines, method === "HEAD");
  const begun = begin(client, method, target, scheme);
  if (begun === undefined) return new Response("400 Bad Request\n", { status: 400 }) as TestResponse;
  const { exchange, environ } = begun;
  if (input !== undefined) environ["tsgi.input"] = input;
  if (signal !== undefined) client.leaveWith(signal);
  const counted = countFinishes(app, client);
  exchange.run(options.lint === false ? counted : lint(counted), { ...environ, ...overrides });
  return client.response as Promise<TestResponse>;
}

/**
 * `webSocket` opens a WebSocket on an app, without a socket:
 *
 * ```ts
 * const socket = await webSocket(websocket({ message: (each, data) => each.send(data) }), "/chat");
 * socket.send("hello");
 * console.log(await socket.receive());
 * await socket.close();
 * ```
 *
 * `url` is as that of `request`. It needs Node and the package `ws`: `npm install ws@8`.
 *
 * Rejects with `TSGI_WEBSOCKET_REFUSED` where the app answers something else, with that response as its `cause`; with the
 * app's own error where it fails before; with `TSGI_NO_PACKAGE` where `ws` is not installed.
 */
export async function webSocket(app: App, url: string, options: WebSocketOptions = {}): Promise<TestWebSocket> {
  checkOptions("webSocket", options, {
    protocols: listOf(STRING),
    headers: HEADERS,
    compress: BOOLEAN,
    environ: OBJECT,
    lint: BOOLEAN,
  });
  const { protocols = [], compress = false, environ = {} } = options;
  const { target, scheme, host } = parseUrl(url);
  const lines = requestLines(options.headers ?? []);
  if (!hasHeader(lines, "Host")) lines.unshift(["Host", host]);
  // What it needs of Node is not to be loaded for `request`.
  const { openWebSocket } = await import("./testing/web-socket.ts");
  const opening = { target, scheme, lines, protocols, compress, environ };
  return openWebSocket(options.lint === false ? app : lint(app), opening);
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
