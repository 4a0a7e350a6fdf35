/** One place where a server listens: what accepts its connections, and what these have in common. */

import type { AddressInfo, Server, Socket } from "node:net";
import { environBuilder } from "../exchange/environ.ts";
import type { ErrorPage, ResponderOptions } from "../exchange/sink.ts";
import type { App, Environ, StatusLine } from "../gateway.ts";
import type { Clock } from "./engine/clock.ts";
import { Connection } from "./engine/connection.ts";
import { failed } from "./engine/events.ts";
import { headText } from "./engine/head-text.ts";
import type { Service } from "./engine/service.ts";
import { developmentPage } from "./error-page.ts";
import { listen } from "./listen.ts";
import { type Address, LONGEST, type Place, type Settings } from "./options.ts";
import { createAcceptor, isHttp2, writeLine } from "./secure.ts";
import { secureEnvironBuilder } from "./tls/environ.ts";
import type { Identity } from "./tls/identity.ts";

/** What the places of a server share. */
export interface Shared {
  readonly app: App;
  readonly settings: Settings;
  readonly limits: { readonly connection: Service["limits"]; readonly parser: Service["parserLimits"] };
  readonly identity: Identity | undefined;
  readonly startSession: Service["startSession"];
  readonly clock: Clock;
  /** All open sockets, those amid a handshake included. */
  readonly sockets: Set<Socket>;
  /** Called on a socket that has closed: one function for all, as those of idle connections add up. */
  readonly forget: (this: Socket) => void;
}

/** Listener accepts the connections of one place. */
export class Listener {
  readonly url: string;
  /** The port; 0 for a Unix socket. */
  readonly port: number;
  readonly service: Service;
  readonly #shared: Shared;
  /** What accepts: the first acceptor, and those of sockets that were adopted. */
  readonly #acceptors = new Set<Server>();

  /** open listens at a place. Rejects with `TSGI_PORT_IN_USE`, `TSGI_PORT_DENIED` or `TSGI_CANNOT_LISTEN`. */
  static async open(shared: Shared, place: Place): Promise<Listener> {
    let listener: Listener | undefined;
    const acceptor = acceptorFor(shared, (socket) => listener?.take(socket));
    // What comes where the address alone is known is accepted by another process, which hands it over.
    if (place.address === undefined || place.fd !== undefined) await listen(acceptor, place, shared.settings.backlog);
    listener = new Listener(shared, acceptor, addressOf(acceptor, place));
    return listener;
  }

  constructor(shared: Shared, acceptor: Server, address: Address) {
    const { settings, limits, startSession, clock, app } = shared;
    this.#shared = shared;
    this.#add(acceptor);
    this.url = addressUrl(address, settings);
    this.port = "socket" in address ? 0 : address.port;
    this.service = {
      app,
      buildEnviron: builderFor(address, settings),
      responderOptions: responderOptions(settings, app),
      headText: headText(settings.keepAliveTimeout),
      limits: limits.connection,
      parserLimits: limits.parser,
      clock,
      server: acceptor,
      startSession,
      connections: new Set(),
      onClose: new Set(),
      requests: 0,
      isClosing: false,
      lingering: undefined,
      isHeld: false,
    };
  }

  #add(acceptor: Server): void {
    this.#acceptors.add(acceptor);
    // A connection could not be accepted, for want of descriptors.
    acceptor.on("error", (error) => writeLine(this.#shared.settings, error.message));
  }

  /** What accepts connections now. */
  get acceptors(): Iterable<Server> {
    return this.#acceptors;
  }

  /** Serves a connection, its handshake made. */
  take(socket: Socket): void {
    const { service } = this;
    if (isHttp2(socket)) service.startSession?.(socket, service);
    else new Connection(socket, service);
  }

  /** Serves a connection that another process has accepted. */
  accept(socket: Socket): void {
    const { sockets, settings } = this.#shared;
    if (settings.maxConnections > 0 && sockets.size >= settings.maxConnections) socket.destroy();
    else this.service.server.emit("connection", socket);
  }

  /** Accepts what comes on another socket, too; what it gives ends that. Rejects with `TSGI_CANNOT_LISTEN`. */
  async adopt(fd: number): Promise<() => void> {
    const acceptor = acceptorFor(this.#shared, (socket) => this.take(socket));
    await listen(acceptor, { host: "", port: 0, unix: undefined, mode: undefined, fd }, this.#shared.settings.backlog);
    this.#add(acceptor);
    return () => {
      this.#acceptors.delete(acceptor);
      acceptor.close();
    };
  }

  /** Stops listening; open connections stay. */
  stop(): void {
    for (const acceptor of this.#acceptors) acceptor.close();
  }
}

function acceptorFor(shared: Shared, take: (socket: Socket) => void): Server {
  const { settings, identity, sockets } = shared;
  const acceptor = createAcceptor(settings, identity, take);
  acceptor.maxConnections = settings.maxConnections || LONGEST;
  acceptor.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", shared.forget);
  });
  return acceptor;
}

function responderOptions({ onError, development }: Settings, app: App): ResponderOptions {
  const errorPage: ((status: StatusLine, error: unknown, environ: Environ) => ErrorPage | undefined) | undefined =
    development ? (status, error, environ) => developmentPage(status, error, environ, app) : undefined;
  return {
    onError(error, environ) {
      if (failed.hasSubscribers) failed.publish({ environ, error });
      return onError?.(error, environ);
    },
    errorPage,
  };
}

function addressOf(server: Server, { host, fd, address: known }: Place): Address {
  if (known !== undefined) return known;
  const address = server.address() as AddressInfo | string | null;
  if (typeof address === "string") return { socket: `unix:${address}` };
  // Node does not know the path of a Unix socket that it has inherited.
  if (address === null) return { socket: `fd:${fd}` };
  return { name: fd === undefined ? host : address.address, port: address.port };
}

function builderFor(address: Address, { tls, errors, multiprocess, mergeSlashes }: Settings): Service["buildEnviron"] {
  const scheme = tls === undefined ? "http" : "https";
  const port = "socket" in address ? (scheme === "https" ? "443" : "80") : String(address.port);
  const buildersOf = tls === undefined ? environBuilder : secureEnvironBuilder;
  return buildersOf({
    name: "socket" in address ? "localhost" : address.name,
    port,
    scheme,
    errors,
    multiprocess,
    mergeSlashes,
  });
}

function addressUrl(address: Address, { tls }: Settings): string {
  if ("socket" in address) return address.socket;
  const { name, port } = address;
  return `${tls === undefined ? "http" : "https"}://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
