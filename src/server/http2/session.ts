/** One connection of HTTP/2: its streams, and how it ends (RFC 9113 §5, §6.8). */

import type { Socket } from "node:net";
import { traceChosen } from "../../exchange/innermost.ts";
import { Responder } from "../../exchange/responder.ts";
import type { StatusLine } from "../../gateway.ts";
import type { Timed } from "../engine/clock.ts";
import { refused, started } from "../engine/events.ts";
import { headOfLines } from "../engine/refusal.ts";
import { hasLingered, LINGER, type OpenExchange, type ServedConnection, type Service } from "../engine/service.ts";
import type { ParserLimits } from "../engine/steps.ts";
import { peerOf } from "../peer.ts";
import type { SecurePeer } from "../tls/environ.ts";
import { FORBIDDEN, isPseudo, kindOf } from "./field-kinds.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameReceiver, type FrameTarget } from "./frame-receiver.ts";
import { FrameWriter } from "./frame-writer.ts";
import {
  COMPRESSION_ERROR,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  MOST,
  NO_ERROR,
  PING,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  SETTINGS,
  STREAM_CLOSED,
  uint32,
  WINDOW_UPDATE,
} from "./frames.ts";
import { type SessionLimits, sessionLimits } from "./greeting.ts";
import { Heartbeat } from "./heartbeat.ts";
import { HeaderDecoder } from "./hpack/decoder.ts";
import { Intake } from "./intake.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { MALFORMED, type RequestHead, readHead } from "./request-head.ts";
import { Stream, type StreamOwner } from "./stream.ts";
import { StreamTimes } from "./stream-times.ts";

/** The time of what has not happened yet. */
const NEVER = -1;

/** What a PING says that follows the notice of the end, and any other one. */
const NOTICED = "tsgi-end";
const BEAT = "tsgi-...";

/** What a session is doing. */
type Phase =
  /** Taking streams. */
  | "open"
  /** Taking what the client had sent before it heard that the connection ends. */
  | "noticed"
  /** Finishing its streams. */
  | "closing"
  /** Waiting for the client to end the connection. */
  | "linger";

/** The heads of requests that no app may see, as far as they matter then. */
const REFUSED: RequestHead = {
  method: "",
  target: "",
  lines: [],
  added: 0,
  contentLength: -1,
  expectsContinue: false,
  isTunnel: false,
};
const REFUSED_HEAD: RequestHead = { ...REFUSED, method: "HEAD" };

/** sessionStarter returns what serves HTTP/2 on a socket. */
export function sessionStarter(streams: number, limits: ParserLimits): (socket: Socket, service: Service) => void {
  const common = sessionLimits(streams, limits);
  return (socket, service) => {
    new Session(socket, service, common);
  };
}

/** Session runs the app for each stream of one connection. */
export class Session implements SecurePeer, ServedConnection, StreamOwner, Timed, FrameTarget {
  readonly address: string;
  readonly port: string;
  readonly variables: SecurePeer["variables"];
  readonly service: Service;
  readonly writer: FrameWriter;
  lastId = 0;
  /** The largest stream that was not ignored. */
  #takenId = 0;
  readonly #socket: Socket;
  readonly #limits: SessionLimits;
  readonly #reader = new FrameReader();
  readonly #receiver: FrameReceiver;
  readonly #decoder: HeaderDecoder;
  readonly #streams = new Map<number, Stream>();
  readonly #heartbeat: Heartbeat;
  #phase: Phase = "open";
  /** When the phase began, or the last stream ended. */
  #since: number;
  /** When the client was told that the connection ends. */
  #told = NEVER;
  readonly #intake: Intake;
  /** How many requests it has carried. */
  #count = 0;
  readonly #window = new ReceiveWindow();
  readonly #times: StreamTimes;

  constructor(socket: Socket, service: Service, limits: SessionLimits) {
    this.#socket = socket;
    this.service = service;
    this.#limits = limits;
    const { address, port, variables } = peerOf(socket);
    this.address = address;
    this.port = port;
    this.variables = variables;
    this.#since = service.clock.now;
    this.writer = new FrameWriter(socket);
    this.#intake = new Intake(socket, this.writer.output, () => this.#read());
    this.#receiver = new FrameReceiver(this, this.writer, service.clock);
    this.#decoder = new HeaderDecoder(limits.headerList);
    this.#times = new StreamTimes(service);
    this.#heartbeat = new Heartbeat(service.clock, () => this.writer.send(PING, 0, 0, BEAT));
    service.clock.add(this);
    service.connections.add(this);
    socket.on("error", ignore);
    socket.on("data", this.#onData);
    // HTTP/2 has no half-closed connections: a client that ends its side has left.
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#onClose());
    this.writer.send(SETTINGS, 0, 0, limits.settings);
    this.#renewWindow();
    if (service.isHeld) this.hold(true);
  }

  get exchanges(): OpenExchange[] {
    const open: OpenExchange[] = [];
    for (const { environ, begun } of this.#streams.values()) {
      if (environ !== undefined) open.push({ environ, since: begun });
    }
    return open;
  }

  streamOf(id: number): Stream | undefined {
    return this.#streams.get(id);
  }

  streams(): Iterable<Stream> {
    return this.#streams.values();
  }

  hold(isHeld: boolean): void {
    this.#intake.hold(isHeld);
  }

  readonly #onData = (bytes: Buffer): void => {
    // Reads on, so that a client that leaves is noticed, but forgets what it sends.
    if (this.#phase === "linger") return;
    this.#heartbeat.hear();
    this.#intake.begin();
    this.#reader.push(bytes);
    this.#read();
  };

  #read(): void {
    const reader = this.#reader;
    const intake = this.#intake;
    const { writer } = this;
    writer.isGathering = true;
    let error: number = NO_ERROR;
    while (error === NO_ERROR && this.#isReading && !intake.stops() && reader.read()) {
      error = this.#receiver.take(reader);
    }
    writer.isGathering = false;
    if (!intake.isStopped) reader.forget();
    if (error === NO_ERROR) error = reader.error;
    if (error !== NO_ERROR) this.#fail(error);
    else writer.output.flush();
  }

  get #isReading(): boolean {
    return this.#phase !== "linger" && !this.#socket.destroyed;
  }

  headers(id: number, block: Buffer, start: number, end: number, isEnd: boolean): number {
    const lines = this.#decoder.decode(block, start, end);
    if (lines === undefined) return COMPRESSION_ERROR;
    const stream = this.#streams.get(id);
    if (stream !== undefined) return this.#takeTrailers(stream, lines, isEnd);
    // A stream that is over by now; or one that is not told of, since it is below the last one.
    if (id <= this.lastId) return NO_ERROR;
    this.lastId = id;
    if (this.#phase === "closing") return NO_ERROR;
    this.#takenId = id;
    if (this.#streams.size < this.#limits.streams) return this.#begin(id, lines, isEnd);
    this.writer.reset(id, REFUSED_STREAM);
    return NO_ERROR;
  }

  #takeTrailers(stream: Stream, lines: readonly string[], isEnd: boolean): number {
    if (stream.inbound === undefined || stream.inbound.hasEnded) return STREAM_CLOSED;
    const isMalformed = !isEnd || this.#decoder.isMalformed || !areTrailers(lines);
    const error = isMalformed
      ? PROTOCOL_ERROR
      : this.#decoder.isTooLarge
        ? ENHANCE_YOUR_CALM
        : stream.receiveEnd(lines);
    return error === NO_ERROR ? NO_ERROR : this.#receiver.failed(stream, error);
  }

  #begin(id: number, raw: readonly string[], isEnd: boolean): number {
    const { service } = this;
    const decoder = this.#decoder;
    const head = decoder.isMalformed ? MALFORMED : readHead(raw, service.parserLimits);
    this.#count++;
    this.#intake.count();
    let error: number = NO_ERROR;
    if (decoder.isTooLarge) this.#refuse(id, "431 Request Header Fields Too Large", raw, isEnd);
    else if (head === MALFORMED || (typeof head === "object" && isEnd && head.contentLength > 0)) {
      this.writer.reset(id, PROTOCOL_ERROR);
      error = this.#receiver.useless();
    } else if (typeof head === "string") this.#refuse(id, head, raw, isEnd);
    else this.#run(new Stream(this, id, head, !isEnd), head, raw, isEnd);
    if (service.isClosing || this.#count === service.limits.requests) this.#notice();
    return error;
  }

  #run(stream: Stream, head: RequestHead, raw: readonly string[], isEnd: boolean): void {
    const { service } = this;
    const responder = new Responder(stream, service.responderOptions);
    const environ = service.buildEnviron(head.method, head.target, "HTTP/2.0", head.lines, this, responder);
    if (environ === undefined) {
      this.#refuse(stream.id, "400 Bad Request", raw, isEnd);
      return;
    }
    service.requests++;
    stream.environ = environ;
    if (stream.inbound !== undefined && !head.isTunnel) environ["tsgi.input"] = stream.inbound.input;
    stream.begun = service.clock.now;
    stream.bodyMoved = service.clock.now;
    this.#streams.set(stream.id, stream);
    if (service.responderOptions.errorPage !== undefined) traceChosen(environ);
    if (started.hasSubscribers) started.runStores({ environ }, () => responder.run(service.app, environ));
    else responder.run(service.app, environ);
  }

  /** Answers a request that no app may see; what still comes of it is not read (RFC 9113 §8.1). */
  #refuse(id: number, status: StatusLine, raw: readonly string[], isEnd: boolean): void {
    if (refused.hasSubscribers) refused.publish({ address: this.address, status, received: headOfLines(raw) });
    const isHead = raw[raw.indexOf(":method") + 1] === "HEAD";
    const stream = new Stream(this, id, isHead ? REFUSED_HEAD : REFUSED, !isEnd);
    this.#streams.set(id, stream);
    if (!isEnd) stream.stopClient();
    stream.answer(status);
    this.#since = this.service.clock.now;
  }

  dataCame(length: number): number {
    if (!this.#window.take(length)) return FLOW_CONTROL_ERROR;
    this.#renewWindow();
    return NO_ERROR;
  }

  heldChanged(stream: Stream, change: number, window: number): void {
    this.#window.hold(change);
    if (window > 0 && !stream.isClosed) this.writer.send(WINDOW_UPDATE, 0, stream.id, uint32(window));
    this.#renewWindow();
  }

  #renewWindow(): void {
    // Nothing may follow the end of the connection.
    if (!this.#isReading) return;
    const more = this.#window.renew();
    if (more > 0) this.writer.send(WINDOW_UPDATE, 0, 0, uint32(more));
  }

  streamOver(stream: Stream): void {
    this.#streams.delete(stream.id);
    if (stream.outbound.hasEnded) this.#receiver.restore();
    if (this.#streams.size > 0) return;
    this.#since = this.service.clock.now;
    if (this.#phase === "closing") this.#linger();
  }

  pingAnswered(payload: string): void {
    if (payload === NOTICED && this.#phase === "noticed") this.#close();
  }

  goneAway(): void {
    if (this.#phase === "open" || this.#phase === "noticed") this.#close();
  }

  serverCloses(): void {
    for (const stream of [...this.#streams.values()]) stream.serverCloses();
    // What a new connection is made for is on its way.
    if (this.#count > 0) this.#notice();
  }

  /**
   * Tells the client that no more streams are taken, and takes what is on its way: all of it was sent before the client
   * answers a ping that follows.
   */
  #notice(): void {
    if (this.#phase !== "open") return;
    this.#phase = "noticed";
    this.#told = this.service.clock.now;
    this.writer.goAway(MOST, NO_ERROR);
    this.writer.send(PING, 0, 0, NOTICED);
  }

  /** Takes no more streams, and ends the connection when those under way are over. */
  #close(): void {
    if (this.#phase === "closing" || this.#phase === "linger") return;
    this.#phase = "closing";
    this.#since = this.service.clock.now;
    this.writer.goAway(this.#takenId, NO_ERROR);
    if (this.#streams.size === 0) this.#linger();
  }

  /** Ends the connection for what the client has done. */
  #fail(code: number): void {
    if (this.#phase === "linger") return;
    this.writer.goAway(this.#takenId, code);
    this.#linger();
    this.#leaveStreams();
  }

  /** Nothing follows what was sent. */
  #linger(): void {
    this.#phase = "linger";
    this.#since = NEVER;
    this.writer.output.flush();
    this.#socket.end(() => {
      this.#since = this.service.clock.now;
    });
  }

  #leaveStreams(): void {
    for (const stream of [...this.#streams.values()]) stream.clientLeft();
  }

  #onClose(): void {
    const { clock, connections } = this.service;
    clock.remove(this);
    connections.delete(this);
    this.#phase = "linger";
    this.#leaveStreams();
    this.writer.output.closed();
  }

  checkTime(): void {
    const { clock, limits } = this.service;
    this.writer.output.checkReader(limits.bodyTimeout);
    if (this.#phase === "linger") {
      if (this.#since !== NEVER && clock.hasPassed(this.#since, LINGER)) this.#socket.destroy();
      return;
    }
    // A client that does not answer the ping has had the time to.
    if (this.#phase === "noticed" && clock.hasPassed(this.#told, LINGER)) this.#close();
    else if (this.#intake.isStopped) this.#heartbeat.hear();
    else if (this.#streams.size > 0) {
      this.#times.check(this.#streams.values(), this.writer.progress);
      if (!this.#heartbeat.beat(limits.bodyTimeout)) this.#socket.destroy();
    } else if (hasLingered(this.service, this.#since)) this.#close();
    else if (this.#phase === "open" && this.#isIdle) this.#endIdle();
  }

  get #isIdle(): boolean {
    const { clock, limits } = this.service;
    return this.#count > 0
      ? clock.hasPassed(this.#since, limits.keepAliveTimeout)
      : clock.hasPassed(this.#since, limits.headersTimeout) || clock.hasPassed(this.#since, limits.requestTimeout);
  }

  #endIdle(): void {
    if (this.#count > 0) this.#notice();
    else this.#close();
  }
}

function areTrailers(lines: readonly string[]): boolean {
  for (let index = 0; index < lines.length; index += 2) {
    const kind = kindOf(lines[index] as string);
    if (kind === FORBIDDEN || isPseudo(kind)) return false;
  }
  return true;
}

function ignore(): void {}
