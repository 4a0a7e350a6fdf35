/** Opens connections to a target, and tells in which phase that fails. */

import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { memberOf } from "../../src/errors.ts";
import { type Failure, failure, type Phase } from "./outcome.ts";
import type { ReadMemory } from "./read-memory.ts";
import { serverName, type Target } from "./target.ts";

/** What TLS connections are made with: `ca`, `cert`, `key`, `servername`, `rejectUnauthorized` and so on, as Node has them. */
export type TlsOptions = Readonly<ConnectionOptions>;

/** What is kept for the connections of one target. */
export interface Connecting {
  readonly target: Target;
  /** The sockets that are open, or about to be. */
  readonly sockets: Set<Socket>;
  /** In milliseconds; DNS and TLS included. */
  readonly connectTimeout: number;
  readonly tls: TlsOptions;
  /** The TLS session of the last connection, which shortens the next handshake. */
  session: Buffer | undefined;
  /** Whether the target has answered in HTTP/1.0, so that it cannot be sent chunks (RFC 9112 §6.1). */
  isHttp10: boolean;
}

/** The error of a connection that could not be opened. */
export class ConnectError extends Error {
  readonly failure: Failure;

  constructor(phase: Phase, isTimeout: boolean, cause: unknown) {
    super(isTimeout ? "took too long" : cause instanceof Error ? messageOf(cause) : String(cause), { cause });
    const reason = isTimeout ? "timeout" : phase === "tls" ? "untrusted" : "unreachable";
    this.failure = failure(phase, reason, this, { isUnsent: true });
  }
}

/** Of several addresses, each has an error of its own. */
function messageOf(error: Error): string {
  return error instanceof AggregateError ? error.errors.map((each: Error) => each.message).join("; ") : error.message;
}

/** Which HTTP a connection is for: 1.1, 2 where the target offers it by TLS, or 2 from the first byte on. */
export type Http2 = boolean | "h2c";

/** Two reads of 64 KiB: at one, Node would stop and start reading for each. */
const HIGH_WATER_MARK = 131_072;

/** How long a connection is quiet before TCP asks for the other side, in milliseconds. */
const KEEP_ALIVE_DELAY = 60_000;

/**
 * Calls back once, with a connection or a `ConnectError`. Destroying the socket before ends it without a call. Plain TCP is read
 * into `memory`.
 */
export function connect(
  connecting: Connecting,
  callback: (error: ConnectError | null, socket: Socket | null) => void,
  http2: Http2 = false,
  memory?: ReadMemory,
): Socket {
  const { target, sockets } = connecting;
  let phase: Phase = "connect";
  let timer: NodeJS.Timeout | undefined;
  const socket = target.isSecure ? secureSocket(connecting, http2 === true) : plainSocket(target, memory);
  const settle = (error: ConnectError | null): void => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    callback(error, error === null ? socket : null);
  };
  timer = setTimeout(() => {
    settle(new ConnectError(phase, true, undefined));
    socket.destroy();
  }, connecting.connectTimeout);
  if (target.isSecure) socket.once("connect", () => (phase = "tls"));
  socket.once(target.isSecure ? "secureConnect" : "connect", () => settle(null));
  socket.on("error", (error) => {
    if (memberOf(error, "code").startsWith("EAI_") || memberOf(error, "code") === "ENOTFOUND") phase = "resolve";
    settle(new ConnectError(phase, false, error));
  });
  sockets.add(socket);
  socket.once("close", () => {
    sockets.delete(socket);
    settle(new ConnectError(phase, false, new Error("the connection was closed")));
  });
  // By this undici tells them apart.
  if (http2 === "h2c" && !target.isSecure) Object.assign(socket, { alpnProtocol: HTTP2 });
  socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_DELAY);
  return socket;
}

const HTTP2 = "h2";

/** Whether HTTP/2 is spoken on a connection. */
export function speaksHttp2(socket: Socket | undefined): boolean {
  return (socket as { readonly alpnProtocol?: unknown } | undefined)?.alpnProtocol === HTTP2;
}

function plainSocket({ address, port, socketPath }: Target, memory: ReadMemory | undefined): Socket {
  const options = {
    highWaterMark: HIGH_WATER_MARK,
    ...(memory && { onread: memory.onread((bytes) => socket.push(bytes)) }),
  };
  const socket: Socket =
    socketPath === undefined
      ? connectTcp({ ...options, host: address, port })
      : connectTcp({ ...options, path: socketPath });
  return socket;
}

function secureSocket(connecting: Connecting, offersHttp2: boolean): Socket {
  const { target, tls, session } = connecting;
  const socket = connectTls({
    servername: serverName(target),
    ...(session === undefined ? {} : { session }),
    ...tls,
    host: target.address,
    port: target.port,
    ALPNProtocols: offersHttp2 ? [HTTP2, "http/1.1"] : ["http/1.1"],
  });
  socket.on("session", (fresh) => {
    connecting.session = fresh;
  });
  return socket;
}
