/** Answers for what is no HTTP request: a clear 4xx, and then the connection is closed. */

import type { Socket } from "node:net";
import { TsgiError } from "../errors.ts";
import type { StatusLine } from "../gateway.ts";
import { Connection } from "./connection.ts";

/** How long a client that was refused may take to read the answer, in milliseconds. */
const LINGER = 1000;

/** A listener for Node's `clientError`. */
export function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") socket.destroy();
  else refuse(socket, clientErrorStatus(error.code));
}

/** The status for an error of Node's parser or of its time limits. */
function clientErrorStatus(code: string | undefined): StatusLine {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return "431 Request Header Fields Too Large";
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return "413 Content Too Large";
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "408 Request Timeout";
    default:
      return "400 Bad Request";
  }
}

/**
 * Refuses what a client sends. A request that has reached its app already gets the answer from there: reading the rest of
 * its body fails with the status. Anything else is answered here, once the requests before it have had their answers.
 */
export function refuse(socket: Socket, status: StatusLine): void {
  const connection = Connection.of(socket);
  const { input } = connection;
  if (input?.isOpen) {
    connection.leave(() => socket.destroySoon());
    input.fail(new TsgiError("TSGI_BAD_REQUEST", "the rest of the request body cannot be read", { status }));
    return;
  }
  connection.leave(() => {
    const body = `${status}\n`;
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
        `Content-Length: ${body.length}\r\nDate: ${new Date().toUTCString()}\r\n\r\n${body}`,
    );
    // Closing at once would reset a client that still sends, and it would never see the answer.
    const timer = setTimeout(() => socket.destroy(), LINGER);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
  });
}
