/** Runs an app for Node's `(req, res)`. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { BuildEnviron } from "../exchange/environ.ts";
import { Responder } from "../exchange/responder.ts";
import type { ResponderOptions } from "../exchange/sink.ts";
import type { App, Environ, StatusLine } from "../gateway.ts";
import { parseStatus } from "../http/status.ts";
import { Connection } from "./connection.ts";
import type { LeanRequest } from "./lean-request.ts";
import { NodeInput } from "./node-input.ts";
import { NodeSink } from "./node-sink.ts";

/** A Node listener; `expectsContinue` is set for a request that waits for `100 Continue` before it sends its body. */
export type RequestListener = (request: IncomingMessage, response: ServerResponse, expectsContinue?: boolean) => void;

export function nodeListener(
  app: App,
  buildEnviron: BuildEnviron,
  edge: ResponderOptions,
  maxRequests = 0,
): RequestListener {
  return function listener(request, response, expectsContinue) {
    const connection = Connection.of(request.socket);
    // What comes behind a request that ends its connection is never answered (RFC 9112 §9.6).
    if (connection.leaving) return;
    const sink = new NodeSink(request, response, connection);
    if (connection.count === maxRequests) connection.leave();
    const responder = new Responder(sink, edge);
    const environ = buildEnviron(
      request.method as string,
      request.url as string,
      request.httpVersion === "1.1" ? "HTTP/1.1" : `HTTP/${request.httpVersion}`,
      request.rawHeaders,
      connection,
      responder,
    );
    if (environ === undefined || (environ.SERVER_PROTOCOL === "HTTP/1.1" && !hasHost(environ, request))) {
      answer(sink, connection, "400 Bad Request");
      return;
    }
    const length = environ.CONTENT_LENGTH;
    const coding = environ.HTTP_TRANSFER_ENCODING;
    if (coding !== undefined) {
      // Where the body ends is anybody's guess (RFC 9112 §6.1), or what it says.
      const isChunked = coding.toLowerCase() === "chunked";
      if (!isChunked || environ.SERVER_PROTOCOL !== "HTTP/1.1") {
        answer(sink, connection, isChunked ? "400 Bad Request" : "501 Not Implemented");
        return;
      }
    }
    if (length === undefined ? coding !== undefined : length !== "0") {
      const onFirstRead = expectsContinue ? () => response.headersSent || response.writeContinue() : undefined;
      connection.input = new NodeInput(
        request as LeanRequest,
        length === undefined ? Number.POSITIVE_INFINITY : Number(length),
        onFirstRead,
      );
      environ["tsgi.input"] = connection.input;
    }
    responder.run(app, environ);
  };
}

/** Answers a request that no app gets to see, and ends the connection after it. */
export function refuseRequest(request: IncomingMessage, response: ServerResponse, status: StatusLine): void {
  const connection = Connection.of(request.socket);
  if (!connection.leaving) answer(new NodeSink(request, response, connection), connection, status);
}

function answer(sink: NodeSink, connection: Connection, status: StatusLine): void {
  connection.lingerAtEnd();
  connection.leave();
  const body = `${status}\n`;
  sink.writeHead(parseStatus(status), [["Content-Type", "text/plain; charset=utf-8"]], body.length);
  sink.end(body);
}

/** RFC 9112 §3.2: a request without `Host` is a 400, even where its target names the host. */
function hasHost(environ: Environ, request: IncomingMessage): boolean {
  if (environ.HTTP_HOST === undefined) return false;
  return environ.REQUEST_URI.startsWith("/") || request.headers.host !== undefined;
}
