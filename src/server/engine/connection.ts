/** One connection: its socket, its exchanges one after the other, and how it ends. */

import type { Socket } from "node:net";

import { clientGone, type TsgiError } from "../../errors.ts";
import { traceChosen } from "../../exchange/innermost.ts";
import { Responder } from "../../exchange/responder.ts";
import type { StatusLine } from "../../gateway.ts";
import { peerOf } from "../peer.ts";
import type { SecurePeer } from "../tls/environ.ts";

import type { Timed } from "./clock.ts";
import { refused, started } from "./events.ts";
import { Output } from "./output.ts";
import { BODY, END, HEAD, MORE, REFUSED, RequestParser } from "./parser.ts";
import { Probe } from "./probe.ts";
import { badBody, headOf, refusalText } from "./refusal.ts";
import { type BodySource, bodyDiscarded, MOST_DISCARDED, RequestInput } from "./request-input.ts";
import { type ResponseConnection, ResponseWriter } from "./response-writer.ts";
import {
  hasLingered,
  LINGER,
  MOST_IN_TURN,
  type OpenExchange,
  type ServedConnection,
  type Service,
} from "./service.ts";

/** How much of what nobody reads yet is taken from the socket, in bytes; a client that leaves is noticed up to there. */
const MOST_HELD = 64 * 1024;

/** What a client sends first that knows that its server speaks HTTP/2 (RFC 9113 §3.4). */
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** After how long the operating system asks a client that has ended its side whether it is there, in milliseconds. */
const KEEP_ALIVE = 10_000;

/** The time of what has not happened yet. */
const NEVER = -1;

/** What a connection waits for. */
type Phase =
  /** The next request. */
  | "idle"
  /** The rest of a head. */
  | "head"
  /** The app. */
  | "exchange"
  /** The rest of a body that nobody reads. */
  | "discard"
  /** The client, to read its last answer. */
  | "linger";

/** Connection reads the requests of one socket, one at a time, and runs the app for each. */
export class Connection implements SecurePeer, BodySource, ResponseConnection, ServedConnection, Timed {
  readonly address: string;
  readonly port: string;
  readonly variables: SecurePeer["variables"];
  readonly socket: Socket;
  readonly service: Service;
  readonly output: Output;
  readonly #parser: RequestParser;
  #phase: Phase = "idle";
  /** When the phase began, or what it waits for came nearer. */
  #since: number;
  /** When the request began. */
  #begun = 0;
  /** How many requests it has carried. */
  #count = 0;
  /** The exchange that is under way. */
  #exchange: ResponseWriter | undefined;
  /** How much more of what nobody reads is read. */
  #discardLeft = 0;
  /** Whether no further request is read. */
  #isLast = false;
  /** Whether the client has ended its side. */
  #hasEnded = false;
  /** Whether requests are being read further up the stack. */
  #isReading = false;
  /** Whether what comes is not looked at any more. */
  #isDeaf = false;
  /** Whether the next request waits: for the client to read, or for other connections. */
  #isWaiting = false;
  /** How many requests were run since something came last. */
  #inTurn = 0;
  /** Whether what comes has to wait, since enough is held; and since the server is about to stop listening. */
  #isFull = false;
  #isHeld = false;
  readonly #probe: Probe;

  constructor(socket: Socket, service: Service) {
    this.socket = socket;
    this.service = service;
    const { address, port, variables } = peerOf(socket);
    this.address = address;
    this.port = port;
    this.variables = variables;
    this.output = new Output(socket);
    this.#probe = new Probe(this.output);
    this.#parser = new RequestParser(service.parserLimits);
    service.clock.add(this);
    service.connections.add(this);
    this.#since = service.clock.now;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("error", ignore);
    socket.on("close", this.#onClose);
    if (service.isHeld) this.hold(true);
  }

  get closed(): boolean {
    return this.socket.destroyed;
  }

  get exchanges(): OpenExchange[] {
    const environ = this.#exchange?.environ;
    return environ === undefined ? [] : [{ environ, since: this.#begun }];
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#isDeaf) {
      this.#discard(bytes.length);
      return;
    }
    this.#parser.push(bytes);
    this.#inTurn = 0;
    if (this.#exchange === undefined) {
      this.#readRequests();
      return;
    }
    const { input } = this.#exchange;
    if (input?.isAwaited) {
      this.#since = this.service.clock.now;
      input.arrive();
    }
    this.#checkHeld();
  };

  /** Takes no more from the socket while enough of it waits here. */
  #checkHeld(): void {
    const isFull = this.#parser.held >= MOST_HELD && this.#isBusy;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#resume();
  }

  /** Whether nobody wants what comes now. */
  get #isBusy(): boolean {
    return this.#exchange === undefined ? this.#isWaiting : this.#exchange.input?.isAwaited !== true;
  }

  #resume(): void {
    if (this.#isFull || this.#isHeld) this.socket.pause();
    else this.socket.resume();
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#resume();
  }

  /** Reads requests and runs them, until one takes its time. */
  #readRequests(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#exchange === undefined && this.#readOn());
    this.#isReading = false;
    this.output.flush();
    this.#checkHeld();
  }

  /** Reads one step of what comes between two exchanges; false where there is nothing more to read now. */
  #readOn(): boolean {
    if (this.#phase === "linger" || this.#isWaiting || this.closed) return false;
    // A client that does not read its answers gets no more of them.
    const room = this.output.isFull ? this.output.untilRoom() : undefined;
    if (room !== undefined || this.#inTurn === MOST_IN_TURN) {
      this.#isWaiting = true;
      if (room === undefined) setImmediate(() => this.#goOn());
      else void room.then(() => this.#goOn());
      return false;
    }
    switch (this.#parser.read()) {
      case MORE:
        this.#await();
        return false;
      case HEAD:
        this.#begin();
        return true;
      case BODY:
        return this.#discard(this.#parser.chunk.length);
      case END:
        this.#phase = "idle";
        this.#since = this.service.clock.now;
        return true;
      case REFUSED:
        // What is wrong with a body that nobody reads is nobody's business.
        if (this.#phase === "discard") this.#close();
        else if (!this.#isPreface()) this.#refuse(this.#parser.refusal);
        return false;
    }
  }

  #goOn(): void {
    this.#isWaiting = false;
    this.#inTurn = 0;
    this.#readRequests();
  }

  /** Whether it is HTTP/2 that a new connection speaks, as far as that is known; then it is a session's, once that is sure. */
  #isPreface(): boolean {
    const { startSession } = this.service;
    if (startSession === undefined || this.#count > 0) return false;
    const begun = Buffer.from(this.#parser.rest.subarray(0, PREFACE.length)).toString("latin1");
    if (!PREFACE.startsWith(begun)) return false;
    if (begun.length === PREFACE.length) startSession(this.upgrade(), this.service);
    return true;
  }

  /** Waits for more to come. */
  #await(): void {
    this.#parser.forget();
    if (this.#hasEnded) this.#close();
    else if (this.#phase === "idle" && this.#parser.isAmidHead) {
      this.#phase = "head";
      // The time that a new connection takes before it says anything counts.
      if (this.#count > 0) this.#since = this.service.clock.now;
    }
  }

  #begin(): void {
    const { service } = this;
    const parser = this.#parser;
    const { method, lines, protocol } = parser;
    const hasBody = parser.isChunked || parser.contentLength > 0;
    const input = hasBody ? new RequestInput(this) : undefined;
    const writer = new ResponseWriter(this, lines, method, protocol, input);
    const responder = new Responder(writer, service.responderOptions);
    const environ = service.buildEnviron(method, parser.target, protocol, lines, this, responder);
    if (environ === undefined) {
      this.#refuse("400 Bad Request", method === "HEAD", true);
      return;
    }
    this.#count++;
    this.#inTurn++;
    service.requests++;
    this.#phase = "exchange";
    this.#since = service.clock.now;
    this.#begun = this.#since;
    this.#isLast = !parser.keepsAlive || this.#count === service.limits.requests;
    if (input === undefined) parser.read();
    else environ["tsgi.input"] = input;
    writer.environ = environ;
    this.#exchange = writer;
    if (service.responderOptions.errorPage !== undefined) traceChosen(environ);
    if (started.hasSubscribers) started.runStores({ environ }, () => responder.run(service.app, environ));
    else responder.run(service.app, environ);
  }

  /** The next piece of the body that has come. */
  readBody(): Uint8Array | "end" | TsgiError | undefined {
    const parser = this.#parser;
    switch (parser.read()) {
      case BODY:
        this.#checkHeld();
        return parser.chunk;
      case END:
        if (this.#exchange !== undefined) this.#exchange.trailers = parser.trailers;
        return "end";
      case REFUSED:
        this.#isLast = true;
        return badBody(parser.refusal);
      default:
        return undefined;
    }
  }

  bodyWanted(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.isSent || !this.#parser.expectsContinue || this.#parser.held > 0) return;
    this.output.addText("HTTP/1.1 100 Continue\r\n\r\n");
    this.output.flush();
  }

  bodyAwaited(): void {
    this.#since = this.service.clock.now;
    if (this.#hasEnded) process.nextTick(() => this.socket.destroy());
  }

  endsAfter({ input }: ResponseWriter): boolean {
    if (this.service.isClosing) this.#isLast = true;
    if (input !== undefined && !input.isComplete) this.#lookAhead(input);
    return this.#isLast;
  }

  /** A client has to be told when it will not be read to the end, or its next request would find the connection closed. */
  #lookAhead(input: RequestInput): void {
    input.collect();
    if (input.isComplete) return;
    const parser = this.#parser;
    // A client that still waits for `100 Continue` may send its body or not.
    if (parser.expectsContinue && !input.hasStarted) this.#isLast = true;
    if (parser.bodyLeft > MOST_DISCARDED) this.#isLast = true;
  }

  exchangeEnded(writer: ResponseWriter): void {
    if (this.#exchange !== writer) return;
    this.#exchange = undefined;
    const { input } = writer;
    if (input !== undefined && !input.isComplete) {
      input.fail(bodyDiscarded());
      this.#phase = input.isComplete ? "idle" : "discard";
      this.#discardLeft = MOST_DISCARDED;
    }
    if (this.#phase === "exchange") this.#phase = "idle";
    this.#since = this.service.clock.now;
    if (writer.isLast || this.#isLast) this.#close();
    this.#readRequests();
  }

  flushSoon(): void {
    if (!this.#isReading) this.output.flushSoon();
  }

  /** Counts what is discarded; false where that was too much. */
  #discard(length: number): boolean {
    this.#since = this.#phase === "linger" ? this.#since : this.service.clock.now;
    this.#discardLeft -= length;
    if (this.#discardLeft >= 0) return true;
    if (this.#isDeaf) {
      this.#isFull = true;
      this.#resume();
    } else this.#close();
    return false;
  }

  /** Answers what is not a request that an app may see, and ends the connection. */
  #refuse(status: StatusLine, isHead = false, wasRead = false): void {
    if (refused.hasSubscribers) {
      refused.publish({ address: this.address, status, received: wasRead ? headOf(this.#parser) : this.#parser.rest });
    }
    this.output.addText(refusalText(this.service.headText, status, isHead));
    this.#close();
  }

  /**
   * Ends the connection after what was sent. The client is given time to read it: to close at once would reset a client that
   * is still sending, and it would never see the answer.
   */
  #close(): void {
    if (this.#phase === "linger") return;
    this.#phase = "linger";
    this.#since = NEVER;
    this.#stopListening();
    this.output.flush();
    this.socket.end(() => {
      this.#since = this.service.clock.now;
    });
  }

  /** Reads on for a while, so that a client that leaves is noticed, but forgets what it sends. */
  #stopListening(): void {
    this.#isDeaf = true;
    this.#discardLeft = MOST_DISCARDED;
    this.#isLast = true;
    this.#parser.takeRest();
    this.#checkHeld();
  }

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    const exchange = this.#exchange;
    if (exchange === undefined) {
      this.#readRequests();
      return;
    }
    const { input } = exchange;
    input?.collect();
    // The rest of its body will not come; but one that is refused is answered.
    if (input !== undefined && !input.isComplete && !input.hasFailed) this.socket.destroy();
    else this.departureMatters();
  };

  departureMatters(): void {
    if (!this.#hasEnded) return;
    this.#probe.start(() => (this.#exchange?.isWatched ? this.#exchange.probe() : ""));
    this.socket.setKeepAlive(true, KEEP_ALIVE);
  }

  readonly #onClose = (): void => {
    const { service } = this;
    this.#probe.stop();
    service.clock.remove(this);
    service.connections.delete(this);
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#phase = "linger";
    // What has arrived stays readable, so it is collected before anybody is told.
    exchange?.input?.collect();
    exchange?.connectionClosed();
    exchange?.input?.fail(clientGone());
    this.output.closed();
  };

  checkTime(): void {
    const { clock, limits } = this.service;
    switch (this.#phase) {
      case "idle":
        // A client that still reads its last answer is not idle, and may have sent its next request.
        if (this.#isWaiting || this.output.length > 0) this.#since = clock.now;
        else if (hasLingered(this.service, this.#since)) this.#close();
        else if (this.#count === 0) this.#checkHead();
        else if (clock.hasPassed(this.#since, limits.keepAliveTimeout)) this.#close();
        break;
      case "head":
        this.#checkHead();
        break;
      case "exchange":
        if (this.#hasEnded || this.#isFull) this.output.ask();
        this.#checkBody();
        break;
      case "discard":
        if (clock.hasPassed(this.#since, limits.bodyTimeout) || clock.hasPassed(this.#begun, limits.requestTimeout)) {
          this.#close();
        }
        break;
      case "linger":
        if (this.#since !== NEVER && clock.hasPassed(this.#since, LINGER)) this.socket.destroy();
    }
    this.output.checkReader(limits.bodyTimeout);
  }

  #checkHead(): void {
    const { clock, limits } = this.service;
    const limit = Math.min(
      limits.headersTimeout || Number.POSITIVE_INFINITY,
      limits.requestTimeout || Number.POSITIVE_INFINITY,
    );
    if (Number.isFinite(limit) && clock.hasPassed(this.#since, limit)) this.#refuse("408 Request Timeout");
  }

  /** A body that does not come fails the read that waits for it; an app that takes its time is left alone. */
  #checkBody(): void {
    const { clock, limits } = this.service;
    const input = this.#exchange?.input;
    if (input === undefined || input.isComplete || this.#isDeaf) return;
    const isLate =
      clock.hasPassed(this.#begun, limits.requestTimeout) ||
      (input.isAwaited && clock.hasPassed(this.#since, limits.bodyTimeout));
    if (!isLate) return;
    input.fail(badBody("408 Request Timeout"));
    if (!input.isComplete) this.#stopListening();
  }

  serverCloses(): void {
    this.#exchange?.serverCloses();
  }

  canUpgrade(writer: ResponseWriter): boolean {
    const parser = this.#parser;
    const isAsked = parser.isUpgrade && writer.input === undefined;
    // On a connection that the client has half closed, no other protocol can begin.
    return isAsked && this.#exchange === writer && !writer.isSent && !this.#hasEnded && !this.closed;
  }

  upgrade(): Socket {
    const { socket, service } = this;
    const rest = this.#parser.takeRest();
    this.#exchange = undefined;
    this.#phase = "linger";
    this.#isFull = false;
    this.output.flush();
    service.clock.remove(this);
    service.connections.delete(this);
    this.#probe.stop();
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("close", this.#onClose);
    this.output.checkReader(0);
    socket.pause();
    // The first listener of `data` makes it flow, as that of a new socket; `null` is what Node's own server sets here.
    (socket as { readableFlowing: boolean | null }).readableFlowing = null;
    if (rest.length > 0) socket.unshift(rest);
    return socket;
  }
}

function ignore(): void {}
