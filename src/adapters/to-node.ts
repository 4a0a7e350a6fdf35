/** Apps as Node handlers. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { checkApp } from "../apps.ts";
import { type BuildEnviron, type MutableEnviron, plainAddress } from "../exchange/environ.ts";
import { type BuilderOf, environBuilders } from "../exchange/environ-builders.ts";
import { Responder } from "../exchange/responder.ts";
import type { App, Environ, ErrorStream } from "../gateway.ts";
import { isCanonicalTarget, parseTarget } from "../http/path.ts";
import { BOOLEAN, checkOptions, FUNCTION, OBJECT } from "../options.ts";
import { callOut } from "../promise.ts";
import { requestInput } from "./to-node/input.ts";
import { type Next, ResponseSink } from "./to-node/sink.ts";
import { type NodeStreamListener, streamListener } from "./to-node/stream.ts";
import { responseOf, UpgradeSink, whenFree } from "./to-node/upgrade.ts";
import { upgradeInput } from "./to-node/upgrade-input.ts";

/** Options of `toNode`. */
export interface ToNodeOptions {
  /**
   * Whether a 404 of the app is not sent, but goes to the next handler of the host. A body that the app has read is not there
   * for that handler. Default `false`.
   */
  fallthrough?: boolean;
  /**
   * Whether a request target that is not spelled canonically is answered with 400. A host routes and guards by the target as
   * sent, an app by its canonical path: `//admin` and `/%61dmin` pass a guard of the host for `/admin`, and reach what the app
   * has there. Set it where the host guards paths of the app. Default `false`, since links with such spellings exist.
   */
  canonicalOnly?: boolean;
  /** Where error text goes: the environ's `tsgi.errors`. Default standard error. */
  errors?: ErrorStream;
  /** Called with each error that is reported, in addition to `errors`. Default: nothing. */
  onError?: (error: unknown, environ: Environ) => void;
}

/**
 * A listener of `http`, `https` and `http2` servers, and a middleware of Express, Connect, Koa (`ctx.req`) and Fastify
 * (`.raw`).
 */
export interface NodeListener {
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  /**
   * The listener of the server's `upgrade` event: `server.on("upgrade", listener.upgrade)`. The app gets `exchange.upgrade`
   * where the request asks for another protocol; if it does not take it, its response is the last one of the connection.
   * Without this listener Node serves such requests as any other.
   */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Uint8Array) => void;
  /**
   * The listener of the `stream` event of an `http2` server, in place of `request`: `server.on("stream", listener.stream)`. It
   * takes two thirds of the CPU time. The app gets the `trailers` of the request too, and WebSockets where the server offers
   * them: `createServer({ settings: { enableConnectProtocol: true } })`.
   */
  readonly stream: NodeStreamListener;
}

/** What routers of Connect and Express keep of the URL when they take their mount off it. */
interface RoutedRequest extends IncomingMessage {
  readonly originalUrl?: string;
}

/**
 * `toNode` makes a Node handler of an app.
 *
 * ```ts
 * http.createServer(toNode(app)).listen(8000);
 * express().use("/shop", toNode(app, { fallthrough: true }));
 * ```
 *
 * Where a router has taken its mount off `req.url`, the app finds the mount in `SCRIPT_NAME`. A request body that was read
 * before rejects with `TSGI_BODY_READ` when the app reads it.
 *
 * Headers that the host has set before stay, unless the app sets a header of the same name, which replaces them; `Set-Cookie`
 * lines of the app follow the host's, and `Vary` names the fields of both. `Content-Length` and `Transfer-Encoding` of the host
 * are dropped, since the body is the app's.
 *
 * The listener never throws. If the host has begun to answer by itself, the app's answer is dropped: the error,
 * `TSGI_HOST_ANSWERED`, goes to the host's `next`; without a `next` it is reported, and the connection cut. Errors that methods
 * of the response throw go the same way. When the host has answered in full, the app hears of it as of a client that left.
 */
export function toNode(app: App, options: ToNodeOptions = {}): NodeListener {
  checkApp(app, "toNode");
  checkOptions("toNode", options, {
    fallthrough: BOOLEAN,
    canonicalOnly: BOOLEAN,
    errors: OBJECT,
    onError: FUNCTION,
  });
  const { fallthrough = false, canonicalOnly = false, errors = process.stderr, onError } = options;
  const builderOf = environBuilders(errors);
  const edge = { onError };

  function listener(request: IncomingMessage, response: ServerResponse, next?: Next): void {
    const sink = new ResponseSink(request, response, next, fallthrough);
    // A host that takes its time may call for a client that has left, whose connection tells nothing any more.
    if (sink.closed) return;
    const responder = new Responder(sink, edge);
    const environ = environFor(request, responder);
    if (environ === undefined) {
      refuseTarget(response, next);
      return;
    }
    sink.environ = environ;
    if (sink.refuseAnswered()) return;
    if (hasBody(request, environ)) environ["tsgi.input"] = requestInput(request);
    responder.run(app, environ);
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    whenFree(request.socket, () => answerOn(request, socket, head));
  }

  function answerOn(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    const response = responseOf(request);
    const sink = new UpgradeSink(request, response, socket, head);
    const responder = new Responder(sink, edge);
    const environ = environFor(request, responder);
    if (environ === undefined) {
      refuseTarget(response, undefined);
      return;
    }
    sink.environ = environ;
    sink.hasBody = hasBody(request, environ);
    if (sink.hasBody) environ["tsgi.input"] = upgradeInput(request, head);
    responder.run(app, environ);
  }

  /** The environ of a request; undefined for a target that is refused. */
  function environFor(request: RoutedRequest, responder: Responder): MutableEnviron | undefined {
    if (canonicalOnly && !isCanonicalTarget(request.originalUrl ?? request.url ?? "/")) return undefined;
    return environOf(request, builderOf(...listenerOf(request)), responder);
  }

  const stream = streamListener({ app, builderOf, edge, canonicalOnly });

  return Object.assign(listener, { upgrade, stream });
}

/** Answers a malformed target with 400; a response that cannot take it is left as it is. */
function refuseTarget(response: ServerResponse, next: Next | undefined): void {
  callOut(
    () => {
      response.statusCode = 400;
      response.end("400 Bad Request\n");
    },
    (error) => {
      if (next !== undefined)
        callOut(
          () => next(error),
          () => {},
        );
    },
  );
}

/** The server's own scheme, name and port. */
function listenerOf({ socket }: IncomingMessage): Parameters<BuilderOf> {
  const {
    localAddress = "localhost",
    localPort,
    encrypted,
  } = (socket ?? {}) as Partial<Socket & { encrypted: boolean }>;
  return [encrypted ? "https" : "http", plainAddress(localAddress), localPort?.toString()];
}

function environOf(request: RoutedRequest, build: BuildEnviron, responder: Responder): MutableEnviron | undefined {
  const { method = "GET", url = "/", originalUrl = url, httpVersion, socket } = request;
  const peer = { address: plainAddress(socket?.remoteAddress), port: String(socket?.remotePort ?? "") };
  const environ = build(method, url, `HTTP/${httpVersion}`, rawLinesOf(request), peer, responder);
  if (environ === undefined || originalUrl === url) return environ;
  const whole = parseTarget(method, originalUrl)?.path ?? "";
  environ.REQUEST_URI = originalUrl;
  if (environ.PATH_INFO === "/" && !whole.endsWith("/")) environ.PATH_INFO = "";
  if (whole.endsWith(environ.PATH_INFO)) environ.SCRIPT_NAME = whole.slice(0, whole.length - environ.PATH_INFO.length);
  return environ;
}

/** The header lines; those of HTTP/2 without its pseudo-headers, of which the authority is the host (RFC 9113 §8.3.1). */
function rawLinesOf({ rawHeaders, httpVersionMajor, headers }: IncomingMessage): readonly string[] {
  if (httpVersionMajor < 2) return rawHeaders;
  const lines: string[] = [];
  const authority = headers[":authority"];
  if (authority !== undefined && headers.host === undefined) lines.push("host", String(authority));
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (!name.startsWith(":")) lines.push(name, rawHeaders[index + 1] as string);
  }
  return lines;
}

function hasBody(
  request: IncomingMessage,
  { CONTENT_LENGTH: length, HTTP_TRANSFER_ENCODING: coding }: Environ,
): boolean {
  if (length !== undefined) return length !== "0";
  return coding !== undefined || (request.httpVersionMajor > 1 && !request.readableEnded);
}
