/**
 * The gateway contract: what a server, a middleware and an application agree on. Types only; this file imports nothing.
 *
 * ```ts
 * const app: App = (environ, startResponse) => {
 *   startResponse("200 OK", [["Content-Type", "text/plain; charset=utf-8"]]);
 *   return `Hello, ${environ.PATH_INFO}`;
 * };
 * ```
 *
 * The rules of a response, in the order in which they matter:
 *
 * 1. `startResponse` takes a status, headers and, from an error handler, the error; it records them and returns `write`. It
 *    throws at once on a malformed status, an invalid header name or value, or a hop-by-hop header, except `Trailer` and, in a 426, `Upgrade`.
 *    A server sends the latter over HTTP/1.1 alone, with `Connection: upgrade` (RFC 9110 §15.5.22). There is no header named `Status`,
 *    and a field that holds one value occurs once. A header list is a value: it is not changed after the call.
 * 2. An app calls `startResponse` before its first chunk. Nothing is sent before the first non-empty chunk, the first
 *    `write` or the end of the body, so an app may call it as late as that (a generator does, in its first step).
 * 3. A second call without `error` throws. With `error` it replaces what was recorded as long as nothing has been sent,
 *    and rethrows `error` once something has.
 * 4. A chunk is a string or a `Uint8Array`. Chunks go out as they come. The next one is asked for when the client has room
 *    for it, and not before the last one has come.
 * 5. The body is closed exactly once: at its end, on an error, when the client goes away, for HEAD. It is closed by its
 *    `close()` if it has one, by a stream's `destroy()` or `cancel()`, else by its iterator's `return()`. A layer that drops
 *    a body closes it, and a closed body is not read.
 * 6. One chunk, or an array of chunks, gets its `Content-Length`. A body is as long as the length that it declares: a
 *    shorter one closes the connection, a longer one is cut there; both are reported.
 * 7. HEAD, 204, 205 and 304 send no body, whatever the app returns. A 204 has no `Content-Length`.
 * 8. An error before the head is sent becomes a 500; after it, the connection is cut, so that the response cannot look
 *    whole. Both are reported to `tsgi.errors`; a disconnected client is not an error.
 * 9. `Date` is added where it is missing. There is no `Server` header.
 * 10. An empty chunk means "flush": a layer that holds bytes back passes them on; nothing goes on the wire for it.
 *
 * The rules of an environ:
 *
 * 11. An environ is a plain object without a prototype of its own. It is never changed: a layer that needs another one copies
 *     it.
 * 12. The keys of CGI are strings, `REQUEST_METHOD` is a token, and numbers are decimal; `tsgi.version` is `[1, 0]`,
 *     `tsgi.url_scheme` is `"http"` or `"https"`.
 * 13. `SCRIPT_NAME + PATH_INFO` is the canonical path of the request. `SCRIPT_NAME` never ends in `/`, `PATH_INFO` is empty or
 *     starts with `/`; it is `"*"` for `OPTIONS *` alone.
 * 14. A request header is a string under `HTTP_`, in upper case, `-` as `_`; `Content-Type` and `Content-Length` are
 *     `CONTENT_TYPE` and `CONTENT_LENGTH`, never also `HTTP_` keys.
 * 15. `tsgi.input` is an `AsyncIterable<Uint8Array>` that ends by itself and is read once.
 * 16. `tsgi.errors` has `write(text: string)`. `tsgi.exchange`, `tsgi.params` and `tsgi.state` are objects,
 *     `tsgi.multithread`, `tsgi.multiprocess` and `tsgi.run_once` booleans.
 *
 * The rules of an upgrade:
 *
 * 17. An app that has called `exchange.upgrade` sends no response: it returns nothing, or a body without chunks. A layer that
 *     has to name a status says `101 Switching Protocols`, of which nothing is sent. If the app fails, the connection is cut.
 * 18. An app that has called `exchange.onUpgrade` may answer `101 Switching Protocols`, with headers and without a body. Layers
 *     add to that head as to any other, or send another response instead. Where it reaches the server as a 101, the app gets
 *     the connection and the headers, and sends the 101 with these itself.
 *
 * The rule of trailers:
 *
 * 19. `exchange.addTrailers` names lines that follow the body, before its end. They are sent over HTTP/2, and over HTTP/1.1 where
 *     the request says `TE: trailers`, if the response is framed so that they can be; they are dropped elsewhere, a `Trailer`
 *     header with them.
 *
 * A failure stays where it happens: an error that an app, a body, a callback or the log throws or rejects with is caught at
 * the border that it crosses, reported once, and settled. A callback of the gateway never throws into the code that called
 * it, except where a rule says so.
 *
 * Source: PEP 3333, read for an asynchronous runtime.
 */

/** A piece of a body. A string is sent as UTF-8. Treat chunks as immutable once they have been passed on. */
export type Chunk = string | Uint8Array;

/** What an app returns. A string or a `Uint8Array` is one chunk; nothing is an empty body. */
// biome-ignore lint/suspicious/noConfusingVoidType: an app without a return statement is an app with an empty body.
export type Body = Chunk | Iterable<Chunk> | AsyncIterable<Chunk> | null | undefined | void;

/** A status code from 200 to 599 and a reason phrase: `"200 OK"`. `"OK"` alone does not compile. */
export type StatusLine = `${number} ${string}`;

/**
 * Header lines in the order in which they are sent; a name may occur more than once. A list is a value: to change one, make
 * another, `[...headers, ["X-Name", "value"]]`.
 */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/**
 * Sends one chunk at once, for code that cannot yield. Returns nothing while the client has room, else a promise to wait
 * for. Throws `TSGI_CLIENT_GONE` once the client has disconnected.
 */
export type Write = (chunk: Chunk) => void | Promise<void>;

/** Records status and headers; nothing is sent yet (rules 1 to 3). */
export type StartResponse = (status: StatusLine, headers: HeaderList, error?: unknown) => Write;

/** An application. A wrapped app and a whole site are apps too. */
export type App = (environ: Environ, startResponse: StartResponse) => Body | Promise<Body>;

/**
 * Wraps an app: plays the server for the app inside and the app for the server outside. `Middleware<[XOptions]>` takes
 * options, `Middleware<[options?: XOptions]>` may be given them.
 */
export type Middleware<Options extends unknown[] = []> = (app: App, ...options: Options) => App;

/** A response as a value: what `capture` gives and a change takes and returns. Code that does not pass `body` on closes it. */
export interface AppResponse {
  readonly status: StatusLine;
  readonly headers: HeaderList;
  /** What is left to send: a plain chunk or an array where the app returned one, so that its length stays known. */
  readonly body: Body;
}

/** Where error text goes. */
export interface ErrorStream {
  /** Appends text as it is: end lines with `\n`. */
  write(text: string): void;
}

/** Parameters of the mount patterns matched so far; a wildcard's is a list of segments. */
export type Params = Readonly<Record<string, string | string[]>>;

/** Takes a connection over: a Node `Duplex`, and the headers of the 101 that the app sends there. */
export type TakeUpgrade = (connection: object, headers: HeaderList) => void;

/** What a client got: of `exchange.onEnd`. */
export interface ExchangeEnd {
  /** The status code that was sent, also of an error that the server has answered; 101 after an upgrade; 0 for none. */
  readonly status: number;
  /** How many bytes of the body were sent, as far as the server knows. */
  readonly bytes: number;
  /** Whether the whole response was sent, or the connection was taken over. */
  readonly isComplete: boolean;
  /** Whether the client left before that. */
  readonly isClientGone: boolean;
  /** What the app has failed with, where it got an error response for it, of the server or of a layer, or its response was cut. */
  readonly error: unknown;
}

/** What this server knows and can do beyond the contract. A member that is absent is not supported here. */
export interface Exchange {
  /** The request's header lines as sent: case, order and repeats. */
  readonly headers?: HeaderList | undefined;
  /** The request's trailer lines; complete once `tsgi.input` has ended. */
  readonly trailers?: HeaderList | undefined;
  /** Aborted when the client goes away before the response was handed over. Made on first use. */
  readonly signal?: AbortSignal | undefined;
  /** Calls back once if the client goes away before the response was handed over; at once if it is gone already. */
  onAbort?(callback: () => void): void;
  /**
   * Calls back once when the exchange has ended, with what the client got: the response was sent or cut, the client has left, or
   * the connection was taken over. To be called before the response begins, so that its bytes are counted.
   */
  onEnd?(callback: (end: ExchangeEnd) => void): void;
  /**
   * Names trailer lines that follow the body, before its end: what is known only then, such as a checksum or the status of gRPC
   * (RFC 9110 §6.5). Several calls add up; an error that replaces the response drops them. They are sent where the client
   * keeps them and the framing has room, in chunks or over HTTP/2, and are dropped elsewhere, as a `Trailer` header is that
   * announces them (rule 19). A response without `Content-Length` whose lines are announced, or named before its head is sent,
   * is framed so that they have room. Throws `TSGI_BAD_TRAILER` for what has to come before the body (§6.5.1), what
   * `startResponse` throws for a malformed line, and `TSGI_RESPONSE_OVER` after the end. Absent where there are no trailers.
   */
  readonly addTrailers?: ((trailers: HeaderList) => void) | undefined;
  /** Sends the head now, or as soon as it is known, instead of with the first chunk. */
  flush?(): void;
  /** Sends an informational response: `inform("103 Early Hints", [["Link", "</a.css>; rel=preload"]])`. */
  readonly inform?: ((status: StatusLine, headers: HeaderList) => void) | undefined;
  /** The server that took the request, where it is one of Node's: handlers listen for its `close`. */
  readonly server?: object | undefined;
  /**
   * Takes the connection over for another protocol: ends the exchange without a response, and gives a Node `Duplex` with the
   * bytes that came after the request. Absent where the request does not ask for an upgrade or has a body, where the client has
   * ended its side, and where the server cannot; an app that does not take it answers as usual (RFC 9110 §7.8). The app sends
   * the 101 itself. Throws `TSGI_RESPONSE_OVER` once the response has begun, `TSGI_CLIENT_GONE` once the client has left.
   *
   * A WebSocket over HTTP/2 (RFC 8441) looks as one over HTTP/1.1 does: a `GET` with `Upgrade`, `Connection` and a key, and the
   * server translates the head that the app sends. Where the app answers with a 2xx instead, the client gets a 501.
   */
  readonly upgrade?: (() => object) | undefined;
  /** Whether the connection was taken over (rules 17 and 18). */
  readonly isUpgraded?: boolean | undefined;
  /**
   * Takes the connection over by way of a response, so that the layers around the app have their say (rule 18): to be called
   * before `startResponse("101 Switching Protocols", headers)`. `take` is called with what `upgrade` gives, and with the
   * headers that the 101 is to have besides the app's own, once the response has come to the server; never where another
   * response has come instead, or the client has left. Of several calls the last counts. Absent where `upgrade` is.
   */
  readonly onUpgrade?: ((take: TakeUpgrade) => void) | undefined;
  /** Whether `onUpgrade` was called, so that a 101 is a response. */
  readonly awaitsUpgrade?: boolean | undefined;
  /**
   * Calls back once when the server begins to close, at once where it does already: to end what an app does on connections that
   * it has taken over. Returns a function that takes that back: the server keeps the callback until either, so an app that
   * registers one for each request takes it back when that has ended. Absent where the server does not tell: one of Node's no
   * longer listens then (`server.listening`).
   */
  readonly onServerClose?: ((callback: () => void) => () => void) | undefined;
  /** Reports an error as `report` does, but for another environ: for what goes on after the exchange, without keeping all of it. */
  readonly reporter?: ((error: unknown, environ: Environ) => void) | undefined;
  /**
   * Reports an error that no response can tell of, as the server reports its own: one that comes after the end, or in a
   * callback. It must not throw.
   */
  report?(error: unknown): void;
}

/**
 * One request, as a plain object built once by the server: read it, copy it, print it. Never change the one you were
 * given, and never make it a prototype; to give an inner app another one, spread it:
 * `app({ ...environ, SCRIPT_NAME, PATH_INFO }, startResponse)`.
 *
 * Always: `SCRIPT_NAME + PATH_INFO` is the canonical path of the request.
 */
export interface Environ {
  /** The method as sent: `"GET"`; also for a WebSocket over HTTP/2. */
  readonly REQUEST_METHOD: string;
  /** The mount point of the app being called: `""` at the root; never ends in `/`. */
  readonly SCRIPT_NAME: string;
  /** The rest of the path, canonical and percent-encoded: `""`, or starts with `/`, or `"*"` for `OPTIONS *`. */
  readonly PATH_INFO: string;
  /** The query without `?`; always there. */
  readonly QUERY_STRING: string;
  /** The request target exactly as sent. For logs and signatures, not for routing. */
  readonly REQUEST_URI: string;
  /** The media type of the request body, as sent: `"application/json"`. */
  readonly CONTENT_TYPE?: string;
  /** The declared length of the request body in bytes, as sent. */
  readonly CONTENT_LENGTH?: string;
  /** The name or address of the server. */
  readonly SERVER_NAME: string;
  /** The port that the server listens on, in decimal. */
  readonly SERVER_PORT: string;
  /** The version of HTTP: `"HTTP/1.1"`. */
  readonly SERVER_PROTOCOL: string;
  /** The address of the connection's peer; `""` on a Unix socket. */
  readonly REMOTE_ADDR: string;
  /** The port of the connection's peer, in decimal; `""` on a Unix socket. */
  readonly REMOTE_PORT: string;
  /** Over TLS, the version of the protocol: `"TLSv1.3"`. This and what follows has the names and forms of Apache's mod_ssl. */
  readonly SSL_PROTOCOL?: string;
  /** Over TLS, the cipher suite by OpenSSL's name: `"TLS_AES_256_GCM_SHA384"`. */
  readonly SSL_CIPHER?: string;
  /** Over TLS, the host name that the client has asked a certificate of (RFC 6066 §3). */
  readonly SSL_TLS_SNI?: string;
  /**
   * Over TLS, whether the client has shown a certificate: `"NONE"`, `"SUCCESS"`, or `"FAILED:reason"` for one that is not
   * trusted, of which nothing else is told.
   */
  readonly SSL_CLIENT_VERIFY?: "NONE" | "SUCCESS" | `FAILED:${string}`;
  /** Whose the client's certificate is, as RFC 2253 writes names: `"CN=Ann,O=Example,C=DE"`. */
  readonly SSL_CLIENT_S_DN?: string;
  /** Who has issued the client's certificate. */
  readonly SSL_CLIENT_I_DN?: string;
  /** The serial number of the client's certificate, in hexadecimal. */
  readonly SSL_CLIENT_M_SERIAL?: string;
  /** When the client's certificate becomes valid: `"Nov 21 18:00:00 2026 GMT"`. */
  readonly SSL_CLIENT_V_START?: string;
  /** When the client's certificate expires. */
  readonly SSL_CLIENT_V_END?: string;
  /** The client's certificate in PEM. */
  readonly SSL_CLIENT_CERT?: string;
  /** How a middleware has authenticated the client: `"Basic"`, `"Bearer"` (RFC 3875 §4.1.1). */
  readonly AUTH_TYPE?: string;
  /** The user that a middleware has authenticated (RFC 3875 §4.1.11). */
  readonly REMOTE_USER?: string;
  /** The user that an identity server reports for the connection (RFC 3875 §4.1.10). */
  readonly REMOTE_IDENT?: string;
  /** The version of this contract. */
  readonly "tsgi.version": readonly [1, 0];
  /** `"https"` if the connection to this server is encrypted. */
  readonly "tsgi.url_scheme": "http" | "https";
  /** The request body: read once, ends by itself, empty where there is none; back-pressure reaches the client. */
  readonly "tsgi.input": AsyncIterable<Uint8Array>;
  /** Where error text goes: the server's log. */
  readonly "tsgi.errors": ErrorStream;
  /** Whether other threads may call the same app at the same time. */
  readonly "tsgi.multithread": boolean;
  /** Whether other processes serve the same app. */
  readonly "tsgi.multiprocess": boolean;
  /** Whether the app is expected to be called once in the life of its process. */
  readonly "tsgi.run_once": boolean;
  /** What this server knows and can do beyond the contract. */
  readonly "tsgi.exchange": Exchange;
  /** Parameters of the mount and route patterns matched so far. */
  readonly "tsgi.params": Params;
  /** The patterns of the mounts matched so far: `"/users/:user/blog"`; `""` outside of a mount. */
  readonly "tsgi.route"?: string;
  /** One object shared by every layer of the request; copies of the environ keep it. */
  readonly "tsgi.state": Record<string, unknown>;
  /**
   * A request header: upper case, `-` as `_`, repeats of a list field joined with `", "` (`Cookie`: `"; "`). Of a field with
   * one value (RFC 9110 §5.3) the first counts: `From`, `If-Modified-Since`, `If-Unmodified-Since`, `Max-Forwards`,
   * `Referer`, `User-Agent`; two of those that decide who gets in or how the body is read are a 400: `Authorization`,
   * `Content-Length`, `Content-Type`, `Host`, `Origin`, `Proxy-Authorization`.
   */
  readonly [header: `HTTP_${string}`]: string | undefined;
  /** A value that a middleware or an app added, under its own prefix and a dot: `"bearer.user"`. */
  readonly [key: `${string}.${string}`]: unknown;
}
