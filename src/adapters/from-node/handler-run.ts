/** One run of a Node handler behind the gateway: its request, its response, and their outcome. */

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { byteLength } from "../../body/chunk.ts";
import { clientGone, codeOf, TsgiError } from "../../errors.ts";
import { reportError } from "../../exchange/report.ts";
import type { App, Body, Chunk, Environ, HeaderList, StartResponse, StatusLine, Write } from "../../gateway.ts";
import { isPromise } from "../../promise.ts";
import {
  drainRequest,
  failRequest,
  guardListeners,
  makeIncomingMessage,
  type RequestOwner,
} from "./incoming-message.ts";
import { parseInformational } from "./informational.ts";
import {
  closeResponse,
  emitDrain,
  isSent,
  makeServerResponse,
  type ResponseOwner,
  throwAsNode,
} from "./server-response.ts";
import { GatewaySocket, type SocketOwner, type WriteCallback } from "./socket.ts";

/** Passes the request on, as in Connect and Express: to the fallback, or with an error to the gateway. */
export type Next = (error?: unknown) => void;

/** A listener of `http.createServer`, or a middleware of Connect and Express. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse, next?: Next) => unknown;

/** A handler that answered, or passed the request on to the fallback. */
interface Success {
  readonly how: "answered" | "passed";
  readonly value: Body | Promise<Body>;
}

/** A handler that failed, or whose client left. */
interface Failure {
  readonly how: "failed" | "left";
  readonly value: unknown;
}

type Outcome = Success | Failure;

interface Waiter {
  resolve(body: Body | Promise<Body>): void;
  reject(error: unknown): void;
}

/**
 * The border between a handler and the gateway. The handler calls in here at any time: from timers, callbacks and streams.
 * Nothing throws back into these. What the gateway refuses, and what the handler's own listeners and callbacks throw, goes
 * to `failed`: it is the outcome of the run where there is none yet, and is reported otherwise.
 */
export class HandlerRun implements RequestOwner, ResponseOwner, SocketOwner {
  readonly environ: Environ;
  readonly #startResponse: StartResponse;
  readonly #socket: GatewaySocket;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #write: Write | undefined;
  #lastChunk: Chunk | undefined;
  #waiter: Waiter | undefined;
  #outcome: Outcome | undefined;
  ending = false;
  /** Bytes that were passed on before the last chunk. */
  #bytes = 0;

  constructor(environ: Environ, startResponse: StartResponse, isFullUrl: boolean) {
    this.environ = environ;
    this.#startResponse = startResponse;
    this.#socket = new GatewaySocket(environ, this);
    this.#request = makeIncomingMessage(this, this.#socket, isFullUrl);
    this.#response = makeServerResponse(this.#request, this.#socket, this);
  }

  /** Runs the handler. `fallback` answers after `next()`; without one the handler gets no `next`. */
  run(handler: NodeHandler, fallback: App | undefined): Body | Promise<Body> {
    const next = fallback && ((error?: unknown) => this.#next(error, fallback));
    try {
      const returned = handler(this.#request, this.#response, next);
      if (isPromise(returned)) Promise.resolve(returned).then(undefined, (error) => this.failed(error));
    } catch (error) {
      this.failed(error);
    }
    const outcome = this.#outcome;
    if (outcome === undefined) return this.#outcomeLater();
    if (isSuccess(outcome)) return outcome.value;
    throw outcome.value;
  }

  #outcomeLater(): Promise<Body> {
    guardListeners(this.#request);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.environ["tsgi.exchange"].onAbort?.(() => this.#abandon());
    });
  }

  #next(error: unknown, fallback: App): void {
    // Routers of Express are left with these words.
    if (error && error !== "route" && error !== "router") this.failed(error);
    else if (this.#outcome === undefined && this.#write === undefined) {
      try {
        this.#settle({ how: "passed", value: fallback(this.environ, this.#startResponse) as Body | Promise<Body> });
      } catch (thrown) {
        this.failed(thrown);
      }
    }
  }

  #settle(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    if (isSuccess(outcome)) this.#waiter?.resolve(outcome.value);
    else this.#waiter?.reject(outcome.value);
  }

  failed(error: unknown): void {
    if (this.#outcome === undefined) {
      this.#settle({ how: "failed", value: error });
      setImmediate(closeRun, this);
    } else if (!this.#isKnown(error)) reportError(this.environ, error);
  }

  inputFailed(error: unknown): void {
    const code = codeOf(error);
    const isOver = code === "TSGI_CLIENT_GONE" || code === "TSGI_RESPONSE_OVER";
    if (isOver && this.#outcome === undefined) this.#abandon();
    else if (!failRequest(this.#request, error) && !isOver) this.failed(error);
  }

  /** Whether an error tells nothing new: the outcome itself, or that the client has left. */
  #isKnown(error: unknown): boolean {
    const { how, value } = this.#outcome as Outcome;
    return (how === "failed" && value === error) || (how === "left" && SIGNS_OF_LEAVING.has(codeOf(error)));
  }

  /** Ends a run whose client has left, or whose response is over. */
  #abandon(error: unknown = clientGone()): void {
    if (this.#outcome !== undefined) return;
    this.#settle({ how: "left", value: error });
    this.close();
  }

  /** Closes what the handler holds, as Node does when it loses a connection. */
  close(): void {
    this.#socket.shut();
    if (!isSent(this.#response)) {
      guardListeners(this.#request);
      this.#request.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" }));
      closeResponse(this.#response);
    }
    this.#socket.emitClose();
  }

  head(response: ServerResponse, headers: HeaderList): void {
    if (this.#outcome !== undefined) {
      if (this.#outcome.how === "passed") this.failed(answeredTwice());
      return;
    }
    const { statusCode, statusMessage } = response;
    const usual = USUAL_LINES.get(statusCode);
    const line = STATUS_CODES[statusCode] === statusMessage && usual ? usual : `${statusCode} ${statusMessage}`;
    try {
      this.#write = this.#startResponse(line as StatusLine, headers);
    } catch (error) {
      throwAsNode(headers);
      this.#refused(error);
    }
  }

  /** Takes what the gateway throws at a head or a chunk. */
  #refused(error: unknown): void {
    const code = codeOf(error);
    // A response that is over has been cut, and the reason reported.
    if (code === "TSGI_CLIENT_GONE" || code === "TSGI_RESPONSE_OVER") this.#abandon(error);
    else this.failed(error);
  }

  write(data: string | Uint8Array, encoding: BufferEncoding | undefined, callback?: WriteCallback): boolean {
    if (this.#outcome !== undefined) {
      if (callback) process.nextTick(callBack, this, callback, destroyedBefore());
      return false;
    }
    const chunk = typeof data === "string" && data !== "" && !isUtf8(encoding) ? Buffer.from(data, encoding) : data;
    if (this.ending && this.#write !== undefined) {
      if (chunk.length > 0) this.#lastChunk = chunk;
      // At the end it is Node's own.
      if (callback) process.nextTick(callback);
      return true;
    }
    let room: Promise<void> | undefined;
    try {
      room = this.#pass(chunk);
    } catch (error) {
      this.#refused(error);
      return false;
    }
    if (room !== undefined) {
      this.#untilRoom(room, byteLength(chunk), callback);
      return false;
    }
    if (callback) process.nextTick(callBack, this, callback);
    return true;
  }

  #pass(chunk: Chunk): Promise<void> | undefined {
    if (this.#write === undefined) this.#inform(chunk);
    else if (chunk.length === 0) this.environ["tsgi.exchange"].flush?.();
    else {
      this.#bytes += byteLength(chunk);
      return this.#write(chunk) ?? undefined;
    }
  }

  #untilRoom(room: Promise<void>, length: number, callback: WriteCallback | undefined): void {
    this.#socket.writableLength += length;
    const go = () => {
      this.#socket.writableLength -= length;
      this.#socket.isActive();
      if (callback) callBack(this, callback);
      if (this.#socket.writableLength === 0) emitDrain(this.#response);
    };
    Promise.resolve(room).then(go, go);
  }

  /** Takes what is written before the head: informational responses, which Node writes to the socket. */
  #inform(data: Chunk): void {
    if (data.length === 0) return;
    const information = parseInformational(data);
    if (information === undefined) throw rawWrite();
    try {
      this.environ["tsgi.exchange"].inform?.(information.status, information.headers);
    } catch (error) {
      // A hint is optional: the response goes on.
      reportError(this.environ, error);
    }
  }

  ended(trailers: HeaderList | undefined): void {
    if (trailers !== undefined && this.#outcome === undefined) {
      try {
        this.environ["tsgi.exchange"].addTrailers?.(trailers);
      } catch (error) {
        // The response is whole without them.
        reportError(this.environ, error);
      }
    }
    this.#settle({ how: "answered", value: this.#lastChunk });
  }

  finished(): void {
    this.#socket.setTimeout(0);
    drainRequest(this.#request);
  }

  get isOver(): boolean {
    return this.#outcome !== undefined;
  }

  get bytesWritten(): number {
    return this.#bytes + byteLength(this.#lastChunk ?? "");
  }

  destroyed(error: Error | undefined): void {
    guardListeners(this.#request);
    this.#settle({ how: "failed", value: error ?? responseDestroyed() });
  }

  timedOut(): boolean {
    const byRequest = !this.#request.complete && this.#request.emit("timeout", this.#socket);
    const byResponse = this.#response.emit("timeout", this.#socket);
    return byRequest || byResponse;
  }
}

function isSuccess(outcome: Outcome): outcome is Success {
  return outcome.how === "answered" || outcome.how === "passed";
}

function closeRun(run: HandlerRun): void {
  run.close();
}

function callBack(run: HandlerRun, callback: WriteCallback, error?: Error): void {
  try {
    callback(error);
  } catch (thrown) {
    run.failed(thrown);
  }
}

/** Made once: to look a status up, a string that was just made has to be hashed. */
const USUAL_LINES = new Map(Object.entries(STATUS_CODES).map(([code, reason]) => [Number(code), `${code} ${reason}`]));

const UTF8 = new Set<string | null | undefined>([undefined, null, "utf8", "utf-8", "UTF-8", "UTF8"]);

function isUtf8(encoding: BufferEncoding | null | undefined): boolean {
  return UTF8.has(encoding);
}

/** The codes of errors by which streams and pipelines say that the other side has gone. */
const SIGNS_OF_LEAVING: ReadonlySet<unknown> = new Set([
  "ECONNRESET",
  "EPIPE",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_UNABLE_TO_PIPE",
  "ABORT_ERR",
  "TSGI_CLIENT_GONE",
]);

function responseDestroyed(): TsgiError {
  return new TsgiError("TSGI_RESPONSE_DESTROYED", "the handler destroyed its response before it had ended");
}

function answeredTwice(): TsgiError {
  return new TsgiError("TSGI_STARTED_TWICE", "the handler answered after it had called next()", {
    hint: "Return after next().",
  });
}

function rawWrite(): TsgiError {
  return new TsgiError("TSGI_RAW_WRITE", "the handler wrote to its socket before the head of its response", {
    hint: "Answer through the response: the connection is the server's.",
  });
}

/** What Node calls back with where a response was destroyed. */
function destroyedBefore(): Error {
  return Object.assign(new Error("Cannot call write after a stream was destroyed"), { code: "ERR_STREAM_DESTROYED" });
}
