/** The body of a request that asks for an upgrade, of which each version of Node leaves another part to do. */

import type { IncomingMessage } from "node:http";
import { LateInput } from "../../body/late-input.ts";
import { clientGone, TsgiError } from "../../errors.ts";
import { BODY, END, MORE, RequestParser } from "../../server/engine/parser.ts";
import { type BodySource, RequestInput } from "../../server/engine/request-input.ts";
import { openRequest } from "./input.ts";

const LIMITS = { targetLength: Number.POSITIVE_INFINITY, headSize: 16_384, lines: 100 };

/** How much of what the app does not read yet is held, in bytes. */
const MOST_HELD = 64 * 1024;

/** The first version of Node that reads such bodies as those of other requests. */
const READS_BODIES = 26;

/** The input of such a request; `head` is what has come after its head. */
export function upgradeInput(request: IncomingMessage, head: Uint8Array): AsyncIterableIterator<Uint8Array> {
  if (isUnread(request)) return new RawBody(request, head).input;
  // Node does not tell of a client that leaves amid such a body.
  request.socket.once("end", () => {
    if (!request.complete) request.socket.destroy();
  });
  request.socket.once("close", () => {
    if (!request.complete) request.destroy();
  });
  return new LateInput(() => {
    if (!request.complete) askForBody(request);
    return openRequest(request);
  });
}

/**
 * Whether Node has left the body of a request unread: up to Node 24 it takes what follows the head of each request that asks
 * for an upgrade for the other protocol's.
 */
function isUnread(request: IncomingMessage): boolean {
  return Number.parseInt(process.versions.node, 10) < READS_BODIES && request.complete && request.readableLength === 0;
}

/** Node sends no `100 Continue` by itself here. */
function askForBody({ headers, socket }: IncomingMessage): void {
  if (headers.expect?.toLowerCase() !== "100-continue" || socket.destroyed) return;
  socket.write("HTTP/1.1 100 Continue\r\n\r\n");
}

/** A body that is read from the socket. */
class RawBody implements BodySource {
  readonly #request: IncomingMessage;
  readonly #parser = new RequestParser(LIMITS);
  readonly input: RequestInput = new RequestInput(this);

  constructor(request: IncomingMessage, head: Uint8Array) {
    this.#request = request;
    const { "content-length": length, "transfer-encoding": coding } = request.headers;
    const framing = coding === undefined ? `Content-Length: ${length}` : "Transfer-Encoding: chunked";
    this.#parser.push(Buffer.from(`POST / HTTP/1.1\r\nHost: -\r\n${framing}\r\n\r\n`));
    this.#parser.read();
    if (head.length > 0) this.#parser.push(head);
  }

  /** Begins to read from the socket, when the app does. */
  bodyWanted(): void {
    const { socket } = this.#request;
    socket.on("data", (bytes: Uint8Array) => this.#take(bytes));
    socket.once("end", () => {
      this.input.collect();
      // The rest will not come.
      if (!this.input.isComplete) socket.destroy();
    });
    socket.once("close", () => this.input.fail(clientGone()));
    if (this.#parser.held === 0) askForBody(this.#request);
  }

  #take(bytes: Uint8Array): void {
    if (this.input.isComplete) return;
    this.#parser.push(bytes);
    this.input.arrive();
    if (this.#parser.held >= MOST_HELD) this.#request.socket.pause();
  }

  bodyAwaited(): void {
    this.#request.socket.resume();
  }

  readBody(): Uint8Array | "end" | TsgiError | undefined {
    switch (this.#parser.read()) {
      case MORE:
        return undefined;
      case BODY:
        return this.#parser.chunk;
      case END:
        return "end";
      default:
        return new TsgiError("TSGI_BAD_REQUEST", "the rest of the request body cannot be read", {
          status: this.#parser.refusal,
        });
    }
  }
}
