/** Connections through a proxy that says, by the PROXY protocol, from where it was connected to. */

import * as net from "node:net";
import { TsgiError } from "../../errors.ts";
import { type HasAddress, networksOf } from "../../networks.ts";
import { checkOptions, listOf, STRING } from "../../options.ts";
import { type Endpoint, parseProxyHeader } from "./proxy-protocol.ts";

/** Which proxies are believed. */
export interface ProxyProtocolOptions {
  /**
   * The addresses and networks that proxies connect from: `["10.0.0.0/8", "fd00::/8", "192.0.2.7"]`. A peer that connects from there
   * may claim any address. Connections by a Unix socket need none.
   */
  from: readonly string[];
}

/** checkProxyProtocol checks the options. Throws `TSGI_BAD_OPTION`. */
export function checkProxyProtocol(
  options: ProxyProtocolOptions,
  places: readonly { readonly unix: string | undefined }[],
  isSecure: boolean,
): void {
  checkOptions("proxyProtocol", options, { from: listOf(STRING) });
  if ((options.from as readonly string[] | undefined) === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", "proxyProtocol has no from", {
      hint: 'Give the networks that proxies connect from: { from: ["10.0.0.0/8"] }.',
    });
  }
  networksOf("proxyProtocol", options.from);
  if (isSecure && places.some(({ unix }) => unix !== undefined)) {
    throw new TsgiError("TSGI_BAD_OPTION", "proxyProtocol and tls do not go together on a Unix socket", {
      hint: "Listen on a port of 127.0.0.1, or leave TLS to the proxy.",
    });
  }
}

/** What is asked of a proxy. */
export interface ProxyRules {
  /** Where proxies connect from. */
  readonly allows: HasAddress;
  /** How long the header may take, in milliseconds. */
  readonly timeout: number;
  /** Hears why a connection was closed. */
  readonly report: (problem: string) => void;
}

const sources = new WeakMap<net.Socket, Endpoint>();

/** sourceOf gives where a proxy says that it was connected from; undefined where no proxy does. */
export function sourceOf(socket: net.Socket): Endpoint | undefined {
  return sources.get(socket);
}

/**
 * createProxiedServer makes a server that gives each connection to `accept` once its header was read. A connection from
 * elsewhere, or whose header is missing, malformed or late, is closed; `rules.report` hears of the first of each kind. Who may
 * connect to a Unix socket is decided by its file's mode.
 */
export function createProxiedServer(
  options: net.ServerOpts,
  rules: ProxyRules,
  accept: (socket: net.Socket) => void,
): net.Server {
  let isUnix = false;
  const reported = new Set<string>();
  const server = net.createServer(options, (socket) => {
    // A reset has to be listened to from the start.
    socket.on("error", ignore);
    const { remoteAddress } = socket;
    if (isUnix || (remoteAddress !== undefined && rules.allows(remoteAddress))) {
      readHeader(socket, rules.timeout, accept, refuse);
    } else if (remoteAddress !== undefined) refuse(socket, "it is not from a network of proxyProtocol");
    // It was reset before it was accepted.
    else socket.destroy();
  });
  server.once("listening", () => {
    isUnix = typeof server.address() === "string";
  });
  return server;

  function refuse(socket: net.Socket, problem: string): void {
    if (!reported.has(problem)) {
      reported.add(problem);
      rules.report(`closed a connection from ${socket.remoteAddress ?? "a Unix socket"}: ${problem}`);
    }
    socket.destroy();
  }
}

function readHeader(
  socket: net.Socket,
  timeout: number,
  accept: (socket: net.Socket) => void,
  refuse: (socket: net.Socket, problem: string) => void,
): void {
  let held: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => refuse(socket, "its PROXY header is late"), timeout);
  socket.on("data", read);
  // What ends before it begins is the check of a load balancer.
  socket.on("end", leave);
  socket.on("close", stop);

  function read(bytes: Buffer): void {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    const header = parseProxyHeader(held);
    if (header === "more") return;
    stop();
    if (header === "malformed") {
      refuse(socket, "it does not begin with a PROXY header");
      return;
    }
    // TLS reads from the handle, and would miss what flowed out of the socket.
    socket.pause();
    if (held.length > header.length) socket.unshift(held.subarray(header.length));
    if (header.source !== undefined) sources.set(socket, header.source);
    accept(socket);
  }

  function leave(): void {
    socket.destroy();
  }

  function stop(): void {
    clearTimeout(timer);
    socket.off("data", read);
    socket.off("end", leave);
    socket.off("close", stop);
  }
}

/**
 * handOver passes connections on to a server of TLS, which makes sockets of its own; `accept` is given these. A socket of TLS
 * does not tell on which one it is, so they are matched by the addresses and ports of both ends.
 */
export function handOver(secure: net.Server, accept: (socket: net.Socket) => void): (socket: net.Socket) => void {
  const open = new Map<string, net.Socket>();
  secure.on("secureConnection", (socket: net.Socket) => {
    const plain = open.get(endsOf(socket));
    if (plain === undefined) {
      socket.destroy();
      return;
    }
    const source = sources.get(plain);
    if (source !== undefined) sources.set(socket, source);
    accept(socket);
  });
  return (plain) => {
    const ends = endsOf(plain);
    open.set(ends, plain);
    plain.once("close", () => open.delete(ends));
    // The socket of TLS takes this over.
    plain.allowHalfOpen = false;
    secure.emit("connection", plain);
  };
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: net.Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(" ");
}

function ignore(): void {}
