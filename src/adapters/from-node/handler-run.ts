/** One run of a Node handler behind the gateway: its request, its response, and what becomes of them. */

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { byteLength } from "../../body/chunk.ts";
import { describeError, TsgiError } from "../../errors.ts";
import type { App, Body, Chunk, Environ, HeaderList, StartResponse, StatusLine, Write } from "../../gateway.ts";
import { isPromise } from "../../promise.ts";
import { drain, makeIncomingMessage } from "./incoming-message.ts";
import { parseInformational } from "./informational.ts";
import { close, drained, makeServerResponse, type ResponseOwner } from "./server-response.ts";
import { GatewaySocket, type SocketOwner } from "./socket.ts";

export type Next = (error?: unknown) => void;
export type NodeHandler = (request: IncomingMessage, response: ServerResponse, next?: Next) => unknown;

/** How it came out: a body, or a failure. */
type Outcome = { readonly body: Body | Promise<Body> } | { readonly error: unknown };

interface Waiting {
  resolve(body: Body | Promise<Body>): void;
  reject(error: unknown): void;
}

export class HandlerRun implements SocketOwner, ResponseOwner {
  readonly #environ: Environ;
  readonly #startResponse: StartResponse;
  readonly #socket: GatewaySocket;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #write: Write | undefined;
  #last: Chunk | undefined;
  #waiting: Waiting | undefined;
  #outcome: Outcome | undefined;
  ending = false;

  constructor(environ: Environ, startResponse: StartResponse) {
    this.#environ = environ;
    this.#startResponse = startResponse;
    this.#socket = new GatewaySocket(environ, this);
    this.#request = makeIncomingMessage(environ, this.#socket);
    this.#response = makeServerResponse(this.#request, this.#socket, this);
  }

  /** Runs the handler. `fallback` is what answers after `next()`; without one the handler gets no `next`. */
  run(handler: NodeHandler, fallback: App | undefined): Body | Promise<Body> {
    const next = fallback && ((error?: unknown) => this.#next(error, fallback));
    const returned = handler(this.#request, this.#response, next);
    if (isPromise(returned)) returned.then(undefined, (error) => this.#fail(error));
    if (this.#outcome === undefined) return this.#later();
    if ("error" in this.#outcome) throw this.#outcome.error;
    return this.#outcome.body;
  }

  #later(): Promise<Body> {
    this.#environ["tsgi.exchange"].onAbort?.(() => this.#abandon());
    return new Promise((resolve, reject) => {
      if (this.#outcome === undefined) this.#waiting = { resolve, reject };
      else resolve(undefined);
    });
  }

  #next(error: unknown, fallback: App): void {
    // Routers of Express leave by these words.
    if (error && error !== "route" && error !== "router") this.#fail(error);
    else if (this.#outcome === undefined && this.#write === undefined) {
      try {
        this.#settle({ body: fallback(this.#environ, this.#startResponse) as Body | Promise<Body> });
      } catch (thrown) {
        this.#fail(thrown);
      }
    }
  }

  #settle(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    if ("error" in outcome) this.#waiting?.reject(outcome.error);
    else this.#waiting?.resolve(outcome.body);
  }

  /** The error is the app's; one that comes when all is said is reported. */
  #fail(error: unknown): void {
    if (this.#outcome === undefined) this.#settle({ error });
    else {
      const { REQUEST_METHOD, REQUEST_URI, "tsgi.errors": errors } = this.#environ;
      errors.write(`${REQUEST_METHOD} ${REQUEST_URI}: ${describeError(error)}\n`);
    }
  }

  /** Nobody takes the response any more. */
  #abandon(): void {
    if (this.#outcome !== undefined) return;
    this.#settle({ body: undefined });
    this.#request.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" }));
    this.#socket.close();
    close(this.#response);
  }

  head({ statusCode, statusMessage }: ServerResponse, headers: HeaderList): void {
    const usual = USUAL_LINES.get(statusCode);
    const line = STATUS_CODES[statusCode] === statusMessage && usual ? usual : `${statusCode} ${statusMessage}`;
    this.#write = this.#startResponse(line as StatusLine, headers);
  }

  write(data: string | Uint8Array, encoding: BufferEncoding | undefined, callback?: (error?: Error) => void): boolean {
    const chunk = typeof data === "string" && data !== "" && !isUtf8(encoding) ? Buffer.from(data, encoding) : data;
    let room: Promise<void> | undefined;
    if (this.#write === undefined) this.#inform(data);
    else if (this.ending) {
      if (chunk.length > 0) this.#last = chunk;
    } else if (chunk.length === 0) this.#environ["tsgi.exchange"].flush?.();
    else {
      try {
        room = this.#write(chunk) ?? undefined;
      } catch {
        this.#abandon();
        return false;
      }
    }
    if (room !== undefined) {
      this.#wait(room, chunk, callback);
      return false;
    }
    if (callback !== undefined && callback !== null) process.nextTick(callback);
    return true;
  }

  #wait(room: Promise<void>, chunk: Chunk, callback: ((error?: Error) => void) | undefined): void {
    const length = byteLength(chunk);
    this.#socket.writableLength += length;
    const go = () => {
      this.#socket.writableLength -= length;
      callback?.();
      if (this.#socket.writableLength === 0) drained(this.#response);
    };
    room.then(go, go);
  }

  #inform(data: string | Uint8Array): void {
    const information = parseInformational(data);
    if (information === undefined) return;
    this.#environ["tsgi.exchange"].inform?.(information.status, information.headers);
  }

  ended(): void {
    this.#settle({ body: this.#last });
  }

  finished(): void {
    drain(this.#request);
  }

  destroyed(error: Error | undefined): void {
    if (this.#outcome !== undefined) return;
    this.#settle({
      error:
        error ?? new TsgiError("TSGI_RESPONSE_DESTROYED", "the handler destroyed its response before it had ended"),
    });
  }
}

/** Made once: to look a status up, a string that was just made has to be hashed. */
const USUAL_LINES = new Map(Object.entries(STATUS_CODES).map(([code, reason]) => [Number(code), `${code} ${reason}`]));

const UTF8 = new Set<string | null | undefined>([undefined, null, "utf8", "utf-8", "UTF-8", "UTF8"]);

function isUtf8(encoding: BufferEncoding | null | undefined): boolean {
  return UTF8.has(encoding);
}
