/** Answers bytes that are not an HTTP request: with a 4xx, after which the connection is closed. */

import { channel } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { TsgiError } from "../errors.ts";
import type { StatusLine } from "../gateway.ts";
import { Connection } from "./connection.ts";

/** A request that no app gets to see, as the channel `tsgi.server.refused` tells of it. */
export interface Refusal {
  readonly socket: Socket;
  readonly status: StatusLine;
  /** What the client sent; undefined where that is not known. */
  readonly received: Uint8Array | undefined;
}

const refusals = channel("tsgi.server.refused");

/** An error of Node's parser, with what it was reading. */
interface ParserError extends NodeJS.ErrnoException {
  readonly rawPacket?: Uint8Array;
}

/** A listener for Node's `clientError`. */
export function onClientError(error: ParserError, socket: Socket): void {
  const connection = Connection.of(socket);
  const status = clientErrorStatus(error.code);
  // A client that left during a request, with responses still pending, will not read them.
  const isGone = socket.readableEnded && connection.pending > 0;
  if (status === undefined || isGone) socket.destroy();
  else if (error.code === "HPE_CLOSED_CONNECTION") {
    // The previous request said that it was the last one: whatever follows is ignored.
    connection.lingerOnClose();
    connection.closeWhenIdle();
  } else refuse(socket, status, error.rawPacket);
}

/** The status for an error of Node's parser or of its time limits; undefined for an error of the connection. */
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
 * Refuses what a client sends. Where the app has the request already, reading the rest of its body fails with the status,
 * and the app answers. Otherwise the status is sent here, after the responses to earlier requests. `received` is what the
 * client sent, where it is known.
 */
export function refuse(socket: Socket, status: StatusLine, received?: Uint8Array): void {
  const connection = Connection.of(socket);
  const { input } = connection;
  connection.lingerOnClose();
  if (input?.isOpen) {
    connection.closeWhenIdle();
    input.fail(new TsgiError("TSGI_BAD_REQUEST", "the rest of the request body cannot be read", { status }));
    // Only reading on shows that a client has left.
    connection.discardInput();
    return;
  }
  connection.closeWhenIdle(() => answerRefusal({ socket, status, received }));
}

function answerRefusal(refusal: Refusal): void {
  const { socket, status } = refusal;
  // The connection may have ended meanwhile: after a response with `Connection: close`, or because the client left.
  if (!socket.writable) return;
  refusals.publish(refusal);
  const body = `${status}\n`;
  socket.write(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${body.length}\r\nDate: ${new Date().toUTCString()}\r\n\r\n${body}`,
  );
  socket.destroySoon();
}
