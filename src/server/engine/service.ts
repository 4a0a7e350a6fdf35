/** What the connections of a listener have in common. */

import type { Server, Socket } from "node:net";
import type { BuildEnviron } from "../../exchange/environ.ts";
import type { ResponderOptions } from "../../exchange/sink.ts";
import type { App, Environ } from "../../gateway.ts";
import type { Clock } from "./clock.ts";
import type { HeadText } from "./head-text.ts";
import type { ParserLimits } from "./steps.ts";

/** Limits of a connection. Durations are milliseconds; 0 means "no limit". */
export interface ConnectionLimits {
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly bodyTimeout: number;
  readonly keepAliveTimeout: number;
  /** How many requests a connection may carry. */
  readonly requests: number;
}

/** An exchange that is under way. */
export interface OpenExchange {
  readonly environ: Environ;
  /** When it began, in the time of the clock. */
  readonly since: number;
}

/** A connection, as its server sees it. */
export interface ServedConnection {
  /** The exchanges that are under way. */
  readonly exchanges: readonly OpenExchange[];
  /** The server closes: an event stream ends. */
  serverCloses(): void;
  /** Does what is due. */
  checkTime(): void;
  /** Leaves what comes in the socket for a while, or goes on. */
  hold(isHeld: boolean): void;
}

/** How long connections are kept idle while the server closes. */
export interface Lingering {
  /** When the server stopped listening, in the time of the clock. */
  readonly since: number;
  /** What a connection that has become idle after that is given, in milliseconds. */
  readonly linger: number;
}

/** Service is what a connection needs to know of its server. */
export interface Service {
  readonly app: App;
  readonly buildEnviron: BuildEnviron;
  readonly responderOptions: ResponderOptions;
  readonly headText: HeadText;
  readonly limits: ConnectionLimits;
  readonly parserLimits: ParserLimits;
  readonly clock: Clock;
  /** The Node server that accepts the connections. */
  readonly server: Server;
  /** Serves HTTP/2 on a socket from its first byte on; undefined where that is not spoken. */
  readonly startSession: ((socket: Socket, service: Service) => void) | undefined;
  /** All open connections of the server. */
  readonly connections: Set<ServedConnection>;
  /** What is called once when the server begins to close; none of it throws. */
  readonly onClose: Set<() => void>;
  /** How many requests have reached the app. */
  requests: number;
  /** Whether the server is closing, so that every response is the last of its connection. */
  isClosing: boolean;
  /** How connections that wait for a request are ended, once that is due. */
  lingering: Lingering | undefined;
  /** Whether what comes is left in the sockets for a moment. */
  isHeld: boolean;
}

/** How many requests that came at once on a connection are run before others have their turn. */
export const MOST_IN_TURN: number = 128;

/** whenClosing calls back once when the server begins to close, at once where it does already. Gives a function that takes that back. */
export function whenClosing({ isClosing, onClose }: Service, callback: () => void): () => void {
  if (isClosing) callback();
  else onClose.add(callback);
  return () => void onClose.delete(callback);
}

/** How long a client may take to read its last answer, and to end its connection, in milliseconds. */
export const LINGER = 2000;

/**
 * hasLingered tells whether the server closes, and no request is on its way any more on a connection that has been idle since a
 * time of the clock.
 */
export function hasLingered({ clock, lingering }: Service, idleSince: number): boolean {
  if (lingering === undefined) return false;
  const { since, linger } = lingering;
  return idleSince <= since || linger === 0 || clock.hasPassed(idleSince, linger);
}
