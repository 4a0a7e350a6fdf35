/**
 * WebSockets as an app.
 *
 * ```ts
 * const chat = websocket({
 *   message: (socket, data) => socket.send(`You said ${data}`),
 * });
 * export const app = dispatcher(site, { "/chat": chat });
 * ```
 *
 * It needs the package `ws`, 8.21 or later, which is not installed with tsgi: `npm install ws@8`.
 */

import type { App } from "../src/gateway.ts";
import { immediate } from "../src/immediate.ts";
import { BOOLEAN, checkOptions, count, either, FUNCTION, type Kinds, listOf, oneOf, STRING } from "../src/options.ts";
import { Acceptor } from "./websocket/acceptor.ts";
import type { WebsocketHandlers } from "./websocket/handlers.ts";
import { handshakeOf, type Origin, originsOf, type Protocols } from "./websocket/handshake.ts";
import { CLOSING, NO_SWITCHING, refusals } from "./websocket/refusals.ts";

export type { WebsocketConnection, WebsocketHandlers } from "./websocket/handlers.ts";
export type { Origin, Protocols } from "./websocket/handshake.ts";

/** Options of `websocket`. */
export interface WebsocketOptions {
  /**
   * The subprotocols that are spoken here, of which the first that the client offers is chosen; or a function that chooses from
   * those offered, undefined for none. Default none. A browser gives up where it has offered some and none is chosen.
   */
  protocols?: Protocols | undefined;
  /**
   * From which pages browsers may connect: a list of origins (`"https://example.com"`), or `"*"` for all. Default: pages of the
   * host of the request. Clients that send no `Origin` are not browsers, and may always connect.
   */
  origin?: Origin | undefined;
  /** The largest message, in bytes; a larger one closes the socket with 1009. Default 1 MiB. */
  maxPayload?: number | undefined;
  /** Whether messages are compressed (RFC 7692). Default `false`: it costs some 300 KiB for each socket, and time. */
  compress?: boolean | undefined;
  /** How often a client is asked whether it is still there, in milliseconds; one that is silent until the next time is cut. 0: never. Default 30 000. */
  ping?: number | undefined;
  /** How many bytes may wait for a client when a message is sent; it is cut where more do. Default 16 MiB. */
  backpressure?: number | undefined;
}

const HANDLERS: Kinds<WebsocketHandlers> = {
  open: FUNCTION,
  message: FUNCTION,
  close: FUNCTION,
  error: FUNCTION,
  drain: FUNCTION,
};

const LONGEST = 2 ** 31 - 1;

const OPTIONS: Kinds<WebsocketOptions> = {
  protocols: either(listOf(STRING), FUNCTION),
  origin: either(oneOf("*"), listOf(STRING)),
  maxPayload: count(1, LONGEST),
  compress: BOOLEAN,
  ping: count(0, LONGEST),
  backpressure: count(1),
};

/**
 * websocket makes an app that speaks WebSocket (RFC 6455), also over HTTP/2 (RFC 8441), to be mounted, guarded and wrapped as any other: headers that
 * layers add go into the 101, and a layer that answers in its place refuses the connection. The answers:
 *
 * - 101, and the handlers are called.
 * - 426 with `Upgrade: websocket` to a request that does not ask for a WebSocket, or for another version than 13.
 * - 405 to another method than GET, 400 to a malformed key or list of subprotocols.
 * - 403 to a page of another origin.
 * - 501 where the server cannot give its connections away, 503 while it closes.
 *
 * When the server closes, sockets are closed with 1001; those whose clients do not answer are cut when its grace is over.
 * Behind a Node server that tells when it closes only by no longer listening, that takes up to a second.
 *
 * Throws `TSGI_NO_PACKAGE` where `ws` is not installed, and `TSGI_BAD_OPTION`.
 */
export function websocket(handlers: WebsocketHandlers, options: WebsocketOptions = {}): App {
  checkOptions("the handlers of websocket", handlers, HANDLERS);
  checkOptions("websocket", options, OPTIONS);
  const { maxPayload = 1024 * 1024, compress = false, ping = 30_000 } = options;
  const { protocols: chosen = [] } = options;
  const protocols = typeof chosen === "function" ? immediate("protocols of websocket", chosen) : chosen;
  const { backpressure = 16 * 1024 * 1024 } = options;
  const isAllowed = originsOf(options.origin);
  const acceptor = new Acceptor(handlers, { maxPayload, compress, ping, backpressure });

  return function websocket(environ, startResponse) {
    const handshake = handshakeOf(environ, isAllowed, protocols);
    if (typeof handshake === "string") return refusals[handshake](environ, startResponse);
    const exchange = environ["tsgi.exchange"];
    if (exchange.onUpgrade === undefined) return NO_SWITCHING(environ, startResponse);
    if (acceptor.isClosing(exchange)) return CLOSING(environ, startResponse);
    exchange.onUpgrade((connection, headers) => acceptor.accept(connection, headers, handshake, environ));
    startResponse("101 Switching Protocols", []);
    return undefined;
  };
}
