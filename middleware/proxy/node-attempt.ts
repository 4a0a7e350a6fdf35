/**
 * An attempt by `node:http`, each on a connection of its own: for what undici does not do. That is a client that waits for
 * `100 Continue`, a target that sends one without being asked, `OPTIONS *`, and other protocols.
 */

import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { codeOf, memberOf } from "../../src/errors.ts";
import { getHeader, headerPairs } from "../../src/http/headers.ts";
import { isNullBody } from "../../src/http/status.ts";
import { type ConnectError, connect } from "./connect.ts";
import { type AttemptListener, type Failure, failure, type Reason } from "./outcome.ts";
import type { Applicant, Pool } from "./pool.ts";
import { type AttemptLimits, type Carrier, Reception } from "./reception.ts";
import { type Sender, Upload } from "./request-body.ts";
import { requestTarget } from "./target.ts";
import { type Attempt, headersFor, type UpstreamRequest } from "./upstream-request.ts";

const ABORTED = new Error("nobody waits for the response any more");

/** How long a target has to ask for a body before it gets it unasked, in milliseconds (RFC 9110 §10.1.1). */
const CONTINUE_TIMEOUT = 1000;

export class NodeAttempt implements Attempt, Applicant, Carrier, Sender {
  readonly #pool: Pool;
  readonly #request: UpstreamRequest;
  readonly #reception: Reception;
  #isAdmitted = false;
  #isReleased = false;
  #connecting: Socket | undefined;
  #outgoing: ClientRequest | undefined;
  #incoming: IncomingMessage | undefined;
  #upload: Upload | undefined;
  #continueTimer: NodeJS.Timeout | undefined;
  #isUploading = false;
  #isSwitched = false;

  constructor(pool: Pool, request: UpstreamRequest, limits: AttemptLimits, listener: AttemptListener) {
    this.#pool = pool;
    this.#request = request;
    this.#reception = new Reception(limits, listener, this);
    pool.apply(this);
  }

  refused(failed: Failure): void {
    this.#reception.fail(failed);
  }

  admitted(): void {
    this.#isAdmitted = true;
    this.#connecting = connect(this.#pool.connecting, (error, socket) => this.#connected(error, socket));
  }

  #connected(error: ConnectError | null, socket: Socket | null): void {
    if (this.#isReleased) socket?.destroy();
    else if (socket === null) {
      this.#reception.fail((error as ConnectError).failure);
      this.#release();
    } else this.#send(socket);
  }

  #send(socket: Socket): void {
    const { method, path, query, body, expectsContinue, upgrade } = this.#request;
    const { target, options } = this.#pool;
    const headers = headersFor(this.#request, target.authority);
    if (upgrade === undefined) headers.push("connection", "close");
    else headers.push("connection", "Upgrade", "upgrade", upgrade);
    const isChunked = body !== undefined && body.length === undefined;
    // Without it the body of a GET or DELETE would go out without a length.
    if (isChunked) headers.push("transfer-encoding", "chunked");
    if (expectsContinue) headers.push("expect", "100-continue");
    if (body === undefined && EXPECTS_BODY.has(method)) headers.push("content-length", "0");
    try {
      this.#outgoing = httpRequest({
        method,
        path: requestTarget(target, path, query),
        headers: headers as never,
        setHost: false,
        maxHeaderSize: options.maxHeadSize,
        createConnection: () => socket,
      });
    } catch (error) {
      socket.destroy();
      this.#failed(error, "invalid", true);
      return;
    }
    const outgoing = this.#outgoing;
    outgoing.on("response", (incoming) => this.#begin(incoming));
    outgoing.on("information", ({ statusCode, rawHeaders }) => this.#reception.inform(statusCode, rawHeaders));
    outgoing.on("upgrade", ({ rawHeaders }, _socket, head) => this.#switch(socket, rawHeaders, head));
    outgoing.on("error", (error) => this.#failed(error, reasonOf(error)));
    outgoing.on("close", () => this.#failed(new Error("the connection was closed"), "reset"));
    if (body === undefined) outgoing.end();
    else if (body.bytes !== undefined) outgoing.end(body.bytes);
    else if (expectsContinue) {
      outgoing.flushHeaders();
      outgoing.on("continue", () => this.#startUpload());
      this.#continueTimer = setTimeout(() => this.#startUpload(), CONTINUE_TIMEOUT);
    } else this.#startUpload();
    this.#reception.awaitHead();
  }

  #startUpload(): void {
    clearTimeout(this.#continueTimer);
    if (this.#isUploading || this.#isReleased || this.#reception.hasHead || this.#request.body === undefined) return;
    this.#isUploading = true;
    this.#upload = new Upload(this.#request.body, this);
    this.#uploadAll(this.#upload).catch((error) => this.#failed(error, "upload"));
  }

  /** Sends the body, as fast as the target takes it. */
  async #uploadAll(upload: Upload): Promise<void> {
    const outgoing = this.#outgoing as ClientRequest;
    for await (const piece of upload) {
      if (outgoing.destroyed) return;
      if (!outgoing.write(piece)) await drained(outgoing);
    }
    if (!upload.isComplete) return;
    const trailers = this.#request.trailers?.() ?? [];
    if (trailers.length > 0) outgoing.addTrailers(trailers as [string, string][]);
    outgoing.end();
  }

  onAsk(): void {
    this.#reception.excuse();
  }

  onPiece(): void {
    this.#reception.awaitHead();
  }

  #switch(socket: Socket, lines: readonly string[], head: Uint8Array): void {
    const asked = this.#request.upgrade?.toLowerCase();
    const switched = getHeader(headerPairs(lines as string[]), "Upgrade") ?? asked;
    if (asked === undefined || switched?.toLowerCase() !== asked) {
      this.#failed(new Error("the target has switched protocols unasked"), "malformed");
      return;
    }
    this.#isSwitched = true;
    socket.on("close", () => {
      this.#reception.end();
      this.#release();
    });
    if (!this.#reception.switch({ lines, socket, head })) this.#release();
  }

  #begin(incoming: IncomingMessage): void {
    clearTimeout(this.#continueTimer);
    if (this.#isReleased) {
      incoming.destroy();
      return;
    }
    this.#incoming = incoming;
    incoming.on("data", (piece: Uint8Array) => this.#reception.data(piece));
    incoming.on("end", () => {
      if (!incoming.complete) return;
      this.#reception.end(incoming.rawTrailers);
      this.#release();
    });
    incoming.on("error", (error) => this.#failed(error, reasonOf(error)));
    incoming.on("close", () => this.#failed(new Error("the connection was closed"), "reset"));
    this.#pool.connecting.isHttp10 = incoming.httpVersion === "1.0";
    const { statusCode = 0, statusMessage = "", rawHeaders } = incoming;
    const isAll = this.#request.method === "HEAD" || isNullBody(statusCode);
    this.#reception.begin(
      { status: statusCode, reason: statusMessage, lines: rawHeaders, version: incoming.httpVersion },
      isAll,
    );
  }

  abort(error: Error): void {
    if (this.#reception.isOver) return;
    this.#reception.fail(failure("head", "aborted", error, { isUnsent: this.#outgoing === undefined }));
    this.cancel();
  }

  get isBroken(): boolean {
    return this.#incoming?.destroyed === true;
  }

  pause(): void {
    this.#incoming?.pause();
  }

  resume(): void {
    this.#incoming?.resume();
  }

  cancel(): void {
    if (this.#isAdmitted) this.#release();
    else this.#pool.withdraw(this);
  }

  #failed(error: unknown, reason: Reason, isUnsent = false): void {
    if (this.#isReleased || this.#isSwitched) return;
    const { hasFailed, error: uploadError } = this.#upload ?? {};
    const isUpload = hasFailed === true && uploadError === error;
    this.#reception.fail(
      failure(this.#reception.hasHead ? "body" : "head", isUpload ? "upload" : reason, error, { isUnsent }),
    );
    this.#release();
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    clearTimeout(this.#continueTimer);
    this.#upload?.stop(ABORTED);
    this.#outgoing?.destroy();
    this.#connecting?.destroy();
    this.#pool.leave();
  }
}

/** Methods whose requests have a body, be it empty (RFC 9110 §8.6). */
const EXPECTS_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

function reasonOf(error: unknown): Reason {
  if (codeOf(error).startsWith("HPE_") || memberOf(error, "name") === "Parse Error") return "malformed";
  return codeOf(error) === "ERR_INVALID_CHAR" || codeOf(error) === "ERR_UNESCAPED_CHARACTERS" ? "invalid" : "reset";
}

/** Settles when there is room again, or the request is over. */
function drained(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("drain", done);
    outgoing.on("close", done);
  });
}
