/** Runs an app for Node's `(req, res)`. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { BuildEnviron } from "../environ.ts";
import type { App } from "../gateway.ts";
import { type Edge, Responder } from "../response.ts";
import { parseStatus } from "../status.ts";
import { Connection } from "./connection.ts";
import type { LeanRequest } from "./lean-request.ts";
import { NodeInput } from "./node-input.ts";
import { NodeSink } from "./node-sink.ts";

const BAD_REQUEST = parseStatus("400 Bad Request");

/** A Node listener; `expectsContinue` is set for a request that waits for `100 Continue` before it sends its body. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse, expectsContinue?: boolean) => void;

export function nodeListener(app: App, buildEnviron: BuildEnviron, bodyTimeout: number, edge: Edge): NodeListener {
  return function listener(request, response, expectsContinue) {
    const connection = Connection.of(request.socket);
    const sink = new NodeSink(request, response, connection, bodyTimeout);
    const responder = new Responder(sink, edge);
    const environ = buildEnviron(
      request.method as string,
      request.url as string,
      request.httpVersion === "1.1" ? "HTTP/1.1" : `HTTP/${request.httpVersion}`,
      request.rawHeaders,
      connection,
      responder,
    );
    if (environ === undefined) {
      connection.leave(() => connection.socket.destroySoon());
      sink.head(BAD_REQUEST, [["Content-Type", "text/plain; charset=utf-8"]], 16);
      sink.end("400 Bad Request\n");
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
    responder.run(app, environ);
  };
}
