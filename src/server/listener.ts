/** Runs an app for each request of a Node server. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { BuildEnviron } from "../exchange/environ.ts";
import { traceInnermost } from "../exchange/innermost.ts";
import { Responder } from "../exchange/responder.ts";
import type { ResponderOptions } from "../exchange/sink.ts";
import type { App, Environ, StatusLine } from "../gateway.ts";
import { parseStatus } from "../http/status.ts";
import { Connection } from "./connection.ts";
import type { LeanRequest } from "./lean-request.ts";
import { NodeInput } from "./node-input.ts";
import { NodeSink } from "./node-sink.ts";

/** A request listener; `expectsContinue` is set for a client that waits for `100 Continue` before it sends its body. */
export type RequestListener = (request: IncomingMessage, response: ServerResponse, expectsContinue?: boolean) => void;

/** Limits of a connection and a request; 0 means "no limit". */
export interface RequestLimits {
  /** How many requests a connection may carry. */
  readonly requestsPerConnection: number;
  /** How many header lines a request may have. */
  readonly headersCount: number;
}

/** requestListener makes the listener that runs `app` for each request. */
export function requestListener(
  app: App,
  buildEnviron: BuildEnviron,
  options: ResponderOptions,
  { requestsPerConnection, headersCount }: RequestLimits,
): RequestListener {
  // Only an error page shows which environ it was.
  const isTraced = options.errorPage !== undefined;
  const mostLines = headersCount === 0 ? Number.POSITIVE_INFINITY : 2 * headersCount;
  return function listener(request, response, expectsContinue) {
    const connection = Connection.of(request.socket);
    // Whatever follows a request that ends its connection is never answered (RFC 9112 §9.6).
    if (connection.isClosing) return;
    const sink = new NodeSink(request, response, connection);
    if (connection.count === requestsPerConnection) connection.closeWhenIdle();
    if (request.rawHeaders.length > mostLines) {
      answerLast(sink, connection, "431 Request Header Fields Too Large");
      return;
    }
    const responder = new Responder(sink, options);
    const environ = buildEnviron(
      request.method as string,
      request.url as string,
      request.httpVersion === "1.1" ? "HTTP/1.1" : `HTTP/${request.httpVersion}`,
      request.rawHeaders,
      connection,
      responder,
    );
    if (environ === undefined || (environ.SERVER_PROTOCOL === "HTTP/1.1" && !hasHost(environ, request))) {
      answerLast(sink, connection, "400 Bad Request");
      return;
    }
    const refusal = codingRefusal(environ);
    if (refusal !== undefined) {
      answerLast(sink, connection, refusal);
      return;
    }
    const length = environ.CONTENT_LENGTH;
    if (length === undefined ? environ.HTTP_TRANSFER_ENCODING !== undefined : length !== "0") {
      const onFirstRead = expectsContinue ? () => response.headersSent || response.writeContinue() : undefined;
      connection.input = new NodeInput(
        request as LeanRequest,
        length === undefined ? Number.POSITIVE_INFINITY : Number(length),
        onFirstRead,
      );
      environ["tsgi.input"] = connection.input;
    }
    if (isTraced) traceInnermost(environ);
    responder.run(app, environ);
  };
}

/**
 * The refusal of a transfer coding: of one that is unknown, and of any in HTTP/1.0, where its end is unclear (RFC 9112 §6.1).
 */
function codingRefusal({ HTTP_TRANSFER_ENCODING: coding, SERVER_PROTOCOL: protocol }: Environ): StatusLine | undefined {
  if (coding === undefined) return undefined;
  if (coding.toLowerCase() !== "chunked") return "501 Not Implemented";
  return protocol === "HTTP/1.1" ? undefined : "400 Bad Request";
}

/** Answers a request that no app gets to see, and closes the connection after it. */
export function refuseRequest(request: IncomingMessage, response: ServerResponse, status: StatusLine): void {
  const connection = Connection.of(request.socket);
  if (!connection.isClosing) answerLast(new NodeSink(request, response, connection), connection, status);
}

function answerLast(sink: NodeSink, connection: Connection, status: StatusLine): void {
  connection.lingerOnClose();
  connection.closeWhenIdle();
  const body = `${status}\n`;
  sink.writeHead(parseStatus(status), [["Content-Type", "text/plain; charset=utf-8"]], body.length);
  sink.end(body);
}

/** RFC 9112 §3.2: a request without `Host` is a 400, even where its target names the host. */
function hasHost(environ: Environ, request: IncomingMessage): boolean {
  if (environ.HTTP_HOST === undefined) return false;
  return environ.REQUEST_URI.startsWith("/") || request.headers.host !== undefined;
}
