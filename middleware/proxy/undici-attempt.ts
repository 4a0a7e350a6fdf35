/** An attempt by undici, which carries nearly all of them. */

import { codeOf, memberOf } from "../../src/errors.ts";
import { isNullBody } from "../../src/http/status.ts";
import { ConnectError } from "./connect.ts";
import type { Connection } from "./connection.ts";
import { type AttemptListener, type Failure, failure, type Reason } from "./outcome.ts";
import type { Controller, Handler, HeaderValues } from "./package.ts";
import type { Applicant, Pool } from "./pool.ts";
import { type AttemptLimits, type Carrier, Reception } from "./reception.ts";
import { type Sender, Upload } from "./request-body.ts";
import { requestTarget, serverName } from "./target.ts";
import { type Attempt, headersFor, type UpstreamRequest } from "./upstream-request.ts";

const ABORTED = new Error("nobody waits for the response any more");

export class UndiciAttempt implements Attempt, Applicant, Handler, Carrier, Sender {
  readonly #pool: Pool;
  readonly #request: UpstreamRequest;
  readonly #isNew: boolean;
  readonly #reception: Reception;
  #connection: Connection | undefined;
  #controller: Controller | undefined;
  #upload: Upload | undefined;
  /** Whether the socket had been used before, and how much it had received by then. */
  #wasUsed = false;
  #receivedBefore = 0;
  /** Whether the response ends with its head, so that an error about its body is none. */
  #endsWithHead = false;

  constructor(pool: Pool, request: UpstreamRequest, isNew: boolean, limits: AttemptLimits, listener: AttemptListener) {
    this.#pool = pool;
    this.#request = request;
    this.#isNew = isNew;
    this.#reception = new Reception(limits, listener, this);
    pool.apply(this);
  }

  refused(failed: Failure): void {
    this.#reception.fail(failed);
  }

  admitted(): void {
    const { method, path, query, body } = this.#request;
    const { target } = this.#pool;
    const connection = this.#pool.take(this.#isNew);
    this.#connection = connection;
    if (body !== undefined && body.bytes === undefined) this.#upload = new Upload(body, this);
    connection.client.dispatch(
      {
        method,
        path: requestTarget(target, path, query),
        headers: headersFor(this.#request, target.authority),
        body: this.#upload ?? body?.bytes ?? null,
        servername: serverName(target) || "target",
        // Undici closes connections after HEAD, for targets that send a body then; bytes that nobody asked for close them too.
        reset: method === "HEAD" ? false : null,
      },
      this,
    );
  }

  abort(error: Error): void {
    if (this.#reception.isOver) return;
    this.#reception.fail(failure("head", "aborted", error, { isUnsent: this.#controller === undefined }));
    this.cancel(ABORTED);
  }

  get isBroken(): boolean {
    return this.#connection?.socket?.destroyed === true;
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  cancel(error: Error): void {
    if (this.#connection === undefined) this.#pool.withdraw(this);
    else this.#release(false, error);
  }

  onAsk(): void {
    this.#reception.excuse();
  }

  onPiece(): void {
    this.#reception.awaitHead();
  }

  /** The request is written from now on. */
  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    const connection = this.#connection;
    if (connection === undefined) {
      controller.abort(ABORTED);
      return;
    }
    this.#wasUsed = connection.isUsed;
    this.#receivedBefore = connection.socket?.bytesRead ?? 0;
    if (connection.memory !== undefined) connection.memory.isBody = false;
    connection.underWay = controller;
    this.#reception.awaitHead();
  }

  onResponseStart(controller: Controller, status: number, headers: HeaderValues, reason = ""): void {
    const lines = linesOf(controller.rawHeaders, headers);
    if (status < 200) {
      this.#reception.inform(status, lines);
      return;
    }
    this.#endsWithHead = this.#request.method === "HEAD" || isNullBody(status);
    const { memory } = this.#connection ?? {};
    if (memory !== undefined) memory.isBody = headers["transfer-encoding"] === undefined;
    const version = this.#connection?.isShared ? "2.0" : this.#pool.connecting.isHttp10 ? "1.0" : "1.1";
    this.#reception.begin({ status, reason, lines, version }, this.#endsWithHead);
  }

  onResponseData(_controller: Controller, chunk: Uint8Array): void {
    this.#reception.data(chunk);
  }

  onResponseEnd(controller: Controller, trailers: HeaderValues): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (connection.hasFailed && !connection.isShared) {
      this.#failed(new Error("the connection was reset"), "reset");
      return;
    }
    connection.responses++;
    const { rawTrailers: raw } = controller;
    this.#reception.end(Array.isArray(raw) && raw.length === 0 ? undefined : linesOf(raw, trailers));
    this.#release(this.#upload === undefined || this.#upload.isComplete, ABORTED);
  }

  onResponseError(_controller: Controller | undefined, error: unknown): void {
    if (this.#reception.isOver) {
      this.#release(false, ABORTED);
      return;
    }
    if (this.#endsWithHead && codeOf(error) === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
      this.#reception.end();
      this.#release(false, ABORTED);
      return;
    }
    if (error instanceof ConnectError) {
      this.#reception.fail(error.failure);
      this.#release(false, error);
      return;
    }
    this.#failed(error, this.#reasonOf(error));
  }

  #failed(error: unknown, reason: Reason): void {
    const isUnsent = this.#controller === undefined;
    const isFull = isRefusal(error) && !this.#reception.hasHead;
    // The target wants less on this connection; another one has room.
    if (isFull) this.#connection?.wear();
    const isStale = isFull || (reason === "reset" && this.#wasUsed && this.#hasReceivedNothing());
    if (reason === "continue") this.#pool.sendsContinue = true;
    this.#reception.fail(failure(this.#reception.hasHead ? "body" : "head", reason, error, { isUnsent, isStale }));
    this.#release(false, ABORTED);
  }

  /** Whether a connection that was kept has ended, without a byte for this request. */
  #hasReceivedNothing(): boolean {
    const { isShared = false, socket } = this.#connection ?? {};
    // The bytes of an HTTP/2 connection may be those of others.
    if (isShared) return !this.#reception.hasHead && socket?.destroyed === true;
    return (socket?.bytesRead ?? 0) === this.#receivedBefore;
  }

  #reasonOf(error: unknown): Reason {
    const code = codeOf(error);
    if (this.#upload?.hasFailed && this.#upload.error === error) return "upload";
    if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED") return "invalid";
    if (MALFORMED.has(code) || code.startsWith("HPE_") || memberOf(error, "name") === "HTTPParserError")
      return "malformed";
    // An error of a socket, without a code that would tell it apart.
    const message = error instanceof Error ? error.message : "";
    if (code === "UND_ERR_SOCKET" && message === "bad response") return "continue";
    if (code === "UND_ERR_SOCKET" && message === "bad upgrade") return "malformed";
    return "reset";
  }

  /** Gives back the connection and the place among those that are under way. */
  #release(isReusable: boolean, error: Error): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    if (connection.underWay === this.#controller) connection.underWay = undefined;
    this.#upload?.stop(error);
    // Of HTTP/2 it is only the stream that ends.
    if (!isReusable && connection.isShared) this.#controller?.abort(error);
    this.#pool.giveBack(connection, isReusable, error);
    this.#pool.leave();
  }
}

/** Whether a stream of HTTP/2 was refused because its connection carries too much (RFC 9113 §7). */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && /\bNGHTTP2_(?:ENHANCE_YOUR_CALM|REFUSED_STREAM)\b/.test(error.message);
}

const MALFORMED: ReadonlySet<string> = new Set([
  "UND_ERR_HEADERS_OVERFLOW",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_RES_EXCEEDED_MAX_SIZE",
]);

/** Undici 8 has no raw lines for HTTP/2. */
function linesOf(raw: unknown, headers: HeaderValues): string[] {
  const lines: string[] = [];
  if (Array.isArray(raw)) {
    for (const part of raw) lines.push(typeof part === "string" ? part : (part as Buffer).toString("latin1"));
    return lines;
  }
  for (const [name, value] of Object.entries(headers)) {
    for (const each of Array.isArray(value) ? value : [value]) lines.push(name, String(each));
  }
  return lines;
}
