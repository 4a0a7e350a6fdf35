/** Apps as Node handlers. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { checkApp } from "../apps.ts";
import { type BuildEnviron, type MutableEnviron, plainAddress } from "../exchange/environ.ts";
import { type BuilderOf, environBuilders } from "../exchange/environ-builders.ts";
import { Responder } from "../exchange/responder.ts";
import type { App, Environ, ErrorStream } from "../gateway.ts";
import { parseTarget } from "../http/path.ts";
import { RequestInput } from "./to-node/input.ts";
import { ResponseSink } from "./to-node/sink.ts";

export interface ToNodeOptions {
  /** Whether a 404 of the app's goes on to the next handler of the host. Default `false`. */
  next?: boolean;
  /** Where error text goes, the environ's `tsgi.errors`. Default standard error. */
  errors?: ErrorStream;
  /** Told each error that is reported, beside `errors`. */
  onError?: (error: unknown, environ: Environ) => void;
}

/** A listener of `http`, `https` and `http2` servers, and a middleware of Express, Connect, Koa (`ctx.req`) and Fastify (`.raw`). */
export type NodeListener = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void;

/** What routers of Connect and Express keep of the URL when they take their mount off it. */
interface RoutedRequest extends IncomingMessage {
  readonly originalUrl?: string;
}

/**
 * An app as a Node handler.
 *
 * ```ts
 * http.createServer(toNode(app)).listen(8000);
 * express().use("/shop", toNode(app, { next: true }));
 * ```
 *
 * Mounted by a router that takes its prefix off `req.url`, the app finds that prefix in `SCRIPT_NAME`. A request body that
 * somebody has read before rejects with `TSGI_BODY_READ` when the app reads it.
 */
export function toNode(
  app: App,
  { next: passes = false, errors = process.stderr, onError }: ToNodeOptions = {},
): NodeListener {
  checkApp(app, "toNode");
  const builderOf = environBuilders(errors);
  const edge = { onError };

  return function listener(request, response, next) {
    const sink = new ResponseSink(request, response, passes ? next : undefined);
    const responder = new Responder(sink, edge);
    const environ = environOf(request, builderOf(...originOf(request.socket)), responder);
    if (environ === undefined) {
      response.statusCode = 400;
      response.end("400 Bad Request\n");
      return;
    }
    if (hasBody(request, environ)) environ["tsgi.input"] = new RequestInput(request);
    responder.run(app, environ);
  };
}

function originOf(socket: Socket): Parameters<BuilderOf> {
  const { localAddress = "localhost", localPort } = socket;
  return [(socket as { encrypted?: boolean }).encrypted ? "https" : "http", localAddress, localPort?.toString()];
}

function environOf(request: RoutedRequest, build: BuildEnviron, responder: Responder): MutableEnviron | undefined {
  const { method = "GET", url = "/", originalUrl = url, httpVersion, socket } = request;
  const peer = { address: plainAddress(socket.remoteAddress), port: String(socket.remotePort ?? "") };
  const environ = build(method, url, `HTTP/${httpVersion}`, linesOf(request), peer, responder);
  if (environ === undefined || originalUrl === url) return environ;
  const whole = parseTarget(method, originalUrl)?.path ?? "";
  environ.REQUEST_URI = originalUrl;
  if (environ.PATH_INFO === "/" && !whole.endsWith("/")) environ.PATH_INFO = "";
  if (whole.endsWith(environ.PATH_INFO)) environ.SCRIPT_NAME = whole.slice(0, whole.length - environ.PATH_INFO.length);
  return environ;
}

/** The header lines; those of HTTP/2 without its pseudo-headers, of which the authority is the host (RFC 9113 §8.3.1). */
function linesOf({ rawHeaders, httpVersionMajor, headers }: IncomingMessage): readonly string[] {
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
