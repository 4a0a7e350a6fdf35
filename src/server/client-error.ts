/** Answers for what is no HTTP request: a clear 4xx, and then the connection is closed. */

import type { Socket } from "node:net";
import { TsgiError } from "../errors.ts";
import type { StatusLine } from "../gateway.ts";
import { Connection } from "./connection.ts";

/** A listener for Node's `clientError`. */
export function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  const connection = Connection.of(socket);
  const status = clientErrorStatus(error.code);
  // A client that went away amid a request, with responses still to come, will not read them.
  const isGone = socket.readableEnded && connection.pending > 0;
  if (status === undefined || isGone) socket.destroy();
  else if (error.code === "HPE_CLOSED_CONNECTION") {
    // The request before said that it is the last one: what follows is not even refused.
    connection.lingerAtEnd();
    connection.leave();
  } else refuse(socket, status);
}

/** The status for an error of Node's parser or of its time limits; none for an error of the connection. */
function clientErrorStatus(code: string | undefined): StatusLine | undefined {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return "431 Request Header Fields Too Large";
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return "413 Content Too Large";
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "408 Request Timeout";
    default:
      return code?.startsWith("HPE_") ? "400 Bad Request" : undefined;
  }
}

/**
 * Refuses what a client sends. A request that has reached its app already gets the answer from there: reading the rest of
 * its body fails with the status. Anything else is answered here, once the requests before it have had their answers.
 */
export function refuse(socket: Socket, status: StatusLine): void {
  const connection = Connection.of(socket);
  const { input } = connection;
  connection.lingerAtEnd();
  if (input?.isOpen) {
    connection.leave();
    input.fail(new TsgiError("TSGI_BAD_REQUEST", "the rest of the request body cannot be read", { status }));
    // A client that left is noticed only by reading on.
    connection.dropRequest();
    return;
  }
  connection.leave(() => answer(socket, status));
}

function answer(socket: Socket, status: StatusLine): void {
  // Another end may have come first: an earlier response with `Connection: close`, a client that is gone.
  if (!socket.writable) return;
  const body = `${status}\n`;
  socket.write(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${body.length}\r\nDate: ${new Date().toUTCString()}\r\n\r\n${body}`,
  );
  socket.destroySoon();
}
