/** One connection of HTTP/2: its streams, and how it ends (RFC 9113 §5, §6.8). */

import {
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from "node:http2";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { traceChosen } from "../../exchange/innermost.ts";
import { Responder } from "../../exchange/responder.ts";
import type { StatusLine } from "../../gateway.ts";
import type { Timed } from "../engine/clock.ts";
import { refused, started } from "../engine/events.ts";
import { headOfLines } from "../engine/refusal.ts";
import type { OpenExchange, ServedConnection, Service } from "../engine/service.ts";
import type { ParserLimits } from "../engine/steps.ts";
import { peerOf } from "../peer.ts";
import type { SecurePeer } from "../tls/environ.ts";
import { CLOSING_NOTICE } from "./closing-notice.ts";
import { Heartbeat } from "./heartbeat.ts";
import { refuseStream } from "./refuse-stream.ts";
import { readHead } from "./request-head.ts";
import { sessionOptions } from "./session-options.ts";
import { StreamList } from "./stream-list.ts";
import { type StreamOwner, StreamWriter } from "./stream-writer.ts";
import { TlsTransport } from "./tls-transport.ts";

/** The flag of a head that no body follows. */
const END_STREAM = 1;

/** How long a client may take to hear that its connection ends, and to end it, in milliseconds. */
const LINGER = 2000;

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

/** sessionStarter returns what serves HTTP/2 on a socket. */
export function sessionStarter(streams: number, limits: ParserLimits): (socket: Socket, service: Service) => void {
  const options = sessionOptions(streams, limits);
  return (socket, service) => {
    new Session(socket, service, options);
  };
}

/** Session runs the app for each stream of one connection. */
export class Session implements SecurePeer, ServedConnection, StreamOwner, Timed {
  readonly address: string;
  readonly port: string;
  readonly variables: SecurePeer["variables"];
  readonly tells = true;
  readonly #socket: Socket;
  readonly #service: Service;
  readonly #options: ServerOptions;
  #session: ServerHttp2Session | undefined;
  readonly #streams: StreamList;
  readonly #heartbeat: Heartbeat;
  #phase: Phase = "open";
  /** When the phase began, or the last stream ended. */
  #since: number;
  /** How many requests it has carried. */
  #count = 0;

  constructor(socket: Socket, service: Service, options: ServerOptions) {
    this.#socket = socket;
    this.#service = service;
    this.#options = options;
    const { address, port, variables } = peerOf(socket);
    this.address = address;
    this.port = port;
    this.variables = variables;
    this.#since = service.clock.now;
    this.#streams = new StreamList(service);
    this.#heartbeat = new Heartbeat(service.clock);
    service.clock.add(this);
    service.connections.add(this);
    socket.on("error", ignore);
    // HTTP/2 has no half-closed connections: a client that ends its side has left.
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#onClose());
    this.hold(service.isHeld);
  }

  get server(): object {
    return this.#service.server;
  }

  onServerClose(callback: () => void): void {
    if (this.#service.isClosing) callback();
    else this.#service.onClose.add(callback);
  }

  get exchanges(): OpenExchange[] {
    return this.#streams.all.flatMap(({ environ, begun }) =>
      environ === undefined ? [] : [{ environ, since: begun }],
    );
  }

  /** What comes can be left in the socket before the session begins; after that it is the session's. */
  hold(isHeld: boolean): void {
    if (this.#session !== undefined || this.#socket.destroyed) return;
    if (isHeld) this.#socket.pause();
    else this.#start();
  }

  #start(): void {
    const socket = this.#socket;
    const session = performServerHandshake(
      socket instanceof TLSSocket ? new TlsTransport(socket) : socket,
      this.#options,
    );
    this.#session = session;
    if (!(socket instanceof TLSSocket)) readWhileOpen(socket, session);
    session.on("error", ignore);
    session.on("stream", (stream: ServerHttp2Stream, _headers: unknown, flags: number, lines: string[]) =>
      this.#begin(stream, flags, lines),
    );
    session.on("close", () => this.#linger());
  }

  #begin(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    stream.on("error", ignore);
    // A client may have reset it in the same packet.
    if (stream.closed || stream.destroyed) return;
    const service = this.#service;
    this.#count++;
    const head = readHead(raw, service.parserLimits);
    if (typeof head === "string") {
      this.#refuse(stream, head, raw);
      return;
    }
    const writer = new StreamWriter(this, stream, head, (flags & END_STREAM) === 0);
    const responder = new Responder(writer, service.responderOptions);
    const environ = service.buildEnviron(head.method, head.target, "HTTP/2.0", head.lines, this, responder);
    if (environ === undefined) {
      this.#refuse(stream, "400 Bad Request", raw);
      return;
    }
    service.requests++;
    writer.environ = environ;
    if (writer.body !== undefined) environ["tsgi.input"] = writer.body.input;
    this.#streams.add(writer);
    stream.on("close", () => this.#streamEnded(writer));
    if (service.responderOptions.errorPage !== undefined) traceChosen(environ);
    if (started.hasSubscribers) started.runStores({ environ }, () => responder.run(service.app, environ));
    else responder.run(service.app, environ);
    if (service.isClosing || this.#count === service.limits.requests) this.#notice();
  }

  #refuse(stream: ServerHttp2Stream, status: StatusLine, raw: readonly string[]): void {
    if (refused.hasSubscribers) refused.publish({ address: this.address, status, received: headOfLines(raw) });
    refuseStream(stream, status);
    this.#since = this.#service.clock.now;
  }

  #streamEnded(writer: StreamWriter): void {
    if (writer.place < 0) return;
    this.#streams.remove(writer);
    writer.streamClosed();
    if (this.#streams.all.length === 0) this.#since = this.#service.clock.now;
  }

  serverCloses(): void {
    for (const writer of [...this.#streams.all]) writer.serverCloses();
    // What a new connection is made for is on its way.
    if (this.#count > 0) this.#notice();
  }

  /**
   * Tells the client that no more streams are taken, and takes what is on its way: all of it was sent before the client
   * answers a ping that follows. nghttp2 takes nothing any more after a GOAWAY of its own, so this one is written beside it.
   */
  #notice(): void {
    if (this.#phase !== "open" || this.#session === undefined) return;
    this.#phase = "noticed";
    this.#since = this.#service.clock.now;
    // In an immediate, the session has sent its settings, which come first.
    setImmediate(() => {
      const session = this.#session;
      if (session === undefined || session.destroyed || this.#socket.destroyed) return;
      this.#socket.write(CLOSING_NOTICE);
      session.ping(() => setImmediate(() => this.#close()));
    });
  }

  /** Takes no more streams, and ends the connection when those under way are over. */
  #close(): void {
    if (this.#phase === "closing" || this.#phase === "linger") return;
    this.#phase = "closing";
    this.#since = this.#service.clock.now;
    const session = this.#session;
    if (session === undefined || session.destroyed) this.#socket.destroy();
    // Node throws where a session that has just begun is over before it has read what was there already.
    else process.nextTick(() => session.close());
  }

  /** The session is over, and its last bytes are being sent. */
  #linger(): void {
    this.#phase = "linger";
    this.#since = this.#service.clock.now;
    if (!this.#socket.destroyed) this.#socket.end();
  }

  #onClose(): void {
    const { clock, connections } = this.#service;
    clock.remove(this);
    connections.delete(this);
    this.#phase = "linger";
    for (const writer of [...this.#streams.all]) this.#streamEnded(writer);
    process.nextTick(() => this.#session?.destroy());
  }

  checkTime(): void {
    const { clock, limits } = this.#service;
    if (this.#phase === "linger") {
      if (clock.hasPassed(this.#since, LINGER)) this.#socket.destroy();
      return;
    }
    if (this.#session !== undefined && this.#streams.all.length > 0) {
      this.#streams.check(this.#session);
      if (!this.#heartbeat.beat(this.#session, limits.bodyTimeout)) this.#socket.destroy();
      return;
    }
    if (this.#hasLingered || (this.#phase !== "open" && clock.hasPassed(this.#since, LINGER))) this.#end();
    else if (this.#phase === "open" && this.#isIdle) this.#endIdle();
  }

  /** Whether the server closes, and no request is on its way any more. */
  get #hasLingered(): boolean {
    const { clock, lingering } = this.#service;
    if (lingering === undefined) return false;
    const { since, linger } = lingering;
    return this.#since <= since || linger === 0 || clock.hasPassed(this.#since, linger);
  }

  get #isIdle(): boolean {
    const { clock, limits } = this.#service;
    return this.#count > 0
      ? clock.hasPassed(this.#since, limits.keepAliveTimeout)
      : clock.hasPassed(this.#since, limits.headersTimeout) || clock.hasPassed(this.#since, limits.requestTimeout);
  }

  #endIdle(): void {
    if (this.#count > 0) this.#notice();
    else this.#close();
  }

  /** Ends a connection that nothing is heard on. */
  #end(): void {
    if (this.#phase !== "closing") this.#close();
    else if (this.#service.clock.hasPassed(this.#since, LINGER)) this.#socket.destroy();
  }
}

function ignore(): void {}

/**
 * What was read before the session began is given to it in the next tick, piece by piece: Node goes on with the next one though
 * the session has ended by the first, and throws.
 */
function readWhileOpen(socket: Socket, session: ServerHttp2Session): void {
  const { read } = socket;
  socket.read = (size) => (session.destroyed ? null : read.call(socket, size));
  setImmediate(() => {
    socket.read = read;
  });
}
