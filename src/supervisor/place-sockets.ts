/** The sockets of one place: bound by the supervisor, which outlives the workers that serve them. */

import { randomBytes } from "node:crypto";
import { closeSync } from "node:fs";
import { rename, unlink } from "node:fs/promises";
import * as net from "node:net";
import { dirname, join } from "node:path";
import { clearSocketPath, portError, socketError, withMode } from "../server/listen.ts";
import type { Address, ListenOptions } from "../server/options.ts";
import { addressOfHost, type BoundSocket, bindSocket, canBind } from "./bound-socket.ts";

/** What a new supervisor inherits: the sockets of one place. */
export interface InheritedPlace {
  readonly address: Address | undefined;
  readonly isShared: boolean;
  /** Whether connections have to be accepted here, and handed over. */
  readonly isHanded: boolean;
  readonly fds: readonly number[];
  readonly accepting?: AcceptingServer | undefined;
}

/** A server that accepts connections, and those that have come before anybody asked for them. */
export interface AcceptingServer {
  readonly server: net.Server;
  readonly early: readonly net.Socket[];
}

/** The sockets of one place. */
export interface PlaceSockets {
  readonly address: Address | undefined;
  /** What the worker of a slot listens on; undefined where connections are handed over. */
  fd(slot: number): number | undefined;
  /** Whether each slot has a socket of its own, whose connections wait for its worker. */
  readonly hasOwn: boolean;
  /** What a new supervisor is given as its descriptors, in the order of `inherited`. */
  readonly descriptors: readonly (number | net.Server)[];
  readonly inherited: Omit<InheritedPlace, "fds" | "accepting">;
  /** No longer holds the sockets; what workers have open lives on. */
  close(): void;
  /** Removes what a place leaves in the file system. */
  remove(): Promise<void>;
}

/** Called with each connection that is to be handed over. */
export type OnConnection = (socket: net.Socket) => void;

/**
 * bindPlace binds the sockets of a place, for a number of slots. A TCP port gets one socket for each slot (`SO_REUSEPORT`), so that
 * the kernel spreads connections evenly and no byte passes the supervisor; a Unix socket, and one that was inherited, is shared.
 * Where Node cannot bind without listening (before 24), connections are accepted here and handed over. Rejects with
 * `TSGI_PORT_IN_USE`, `TSGI_PORT_DENIED` or `TSGI_CANNOT_LISTEN`.
 */
export async function bindPlace(
  { host = "127.0.0.1", port = 8000, unix, fd, mode }: ListenOptions,
  slots: number,
  backlog: number,
  onConnection: OnConnection,
): Promise<PlaceSockets> {
  if (fd !== undefined)
    return inheritedPlace({ address: undefined, isShared: true, isHanded: false, fds: [fd] }, onConnection);
  if (unix !== undefined) return bindUnix(unix, mode, backlog, onConnection);
  if (!canBind) return handedPlace(await listenHere({ host, port, backlog }, `${host}:${port}`, onConnection), host);
  return bindPort(host, port, slots);
}

async function bindPort(host: string, port: number, slots: number): Promise<PlaceSockets> {
  const address = await addressOfHost(host).catch((cause: NodeJS.ErrnoException) => {
    throw portError(cause, `${host}:${port}`);
  });
  const sockets: BoundSocket[] = [];
  try {
    // Two programs of one user could share a port unnoticed: this one fails where the port is taken.
    const probe = bindSocket({ host: address, port });
    const bound = (probe.address() as net.AddressInfo).port;
    probe.close();
    for (let slot = 0; slot < slots; slot++) sockets.push(bindSocket({ host: address, port: bound, reusePort: true }));
    return {
      address: { name: host, port: bound },
      fd: (slot) => sockets[slot]?.fd(),
      hasOwn: true,
      descriptors: sockets.map((socket) => socket.fd()),
      inherited: { address: { name: host, port: bound }, isShared: false, isHanded: false },
      close() {
        for (const socket of sockets.splice(0)) socket.close();
      },
      remove: nothingToRemove,
    };
  } catch (cause) {
    for (const socket of sockets) socket.close();
    throw portError(cause as NodeJS.ErrnoException, `${host}:${port}`);
  }
}

/** Binds a Unix socket under another name, which Node unlinks when it closes: the socket may have been passed on by then. */
async function bindUnix(
  unix: string,
  mode: number | undefined,
  backlog: number,
  onConnection: OnConnection,
): Promise<PlaceSockets> {
  await clearSocketPath(unix);
  // Not digits alone: Node takes those for a number, and a number for a port.
  const bound = join(dirname(unix), `.tsgi-${randomBytes(4).toString("hex")}`);
  const place = canBind
    ? sharedPlace(await bindPath(bound, unix, mode))
    : handedPlace(await withMode(mode, () => listenHere({ path: bound, backlog }, unix, onConnection)), unix);
  await rename(bound, unix);
  const address = { socket: `unix:${unix}` };
  return { ...place, address, inherited: { ...place.inherited, address }, remove: () => removeSocket(unix) };
}

async function bindPath(bound: string, unix: string, mode: number | undefined): Promise<BoundSocket> {
  try {
    return withMode(mode, () => bindSocket({ path: bound }));
  } catch (cause) {
    throw await socketError(cause as Error, unix);
  }
}

function sharedPlace(socket: BoundSocket): PlaceSockets {
  return {
    address: undefined,
    fd: () => socket.fd(),
    hasOwn: false,
    descriptors: [socket.fd()],
    inherited: { address: undefined, isShared: true, isHanded: false },
    close: () => socket.close(),
    remove: nothingToRemove,
  };
}

async function removeSocket(unix: string): Promise<void> {
  await unlink(unix).catch(() => {});
}

/** The sockets that a former supervisor, or the system, has passed on. */
export function inheritedPlace(
  { address, isShared, isHanded, fds, accepting }: InheritedPlace,
  onConnection: OnConnection,
): PlaceSockets {
  const unix = address !== undefined && "socket" in address ? address.socket.replace(/^unix:/, "") : undefined;
  const remove = unix === undefined ? nothingToRemove : () => removeSocket(unix);
  if (accepting !== undefined) {
    const { server, early } = accepting;
    server.removeAllListeners("connection").on("connection", onConnection);
    for (const socket of early) onConnection(socket);
    return { ...handedPlace(server, ""), address, inherited: { address, isShared, isHanded }, remove };
  }
  return {
    address,
    fd: (slot) => (isShared ? fds[0] : fds[slot]),
    hasOwn: !isShared,
    descriptors: fds,
    inherited: { address, isShared, isHanded },
    close() {
      for (const fd of fds) closeSync(fd);
    },
    remove,
  };
}

/** A place whose connections are accepted here. */
function handedPlace(server: net.Server, name: string): PlaceSockets {
  const found = server.address();
  const address = typeof found === "object" && found !== null ? { name, port: found.port } : { socket: `unix:${name}` };
  return {
    address,
    fd: () => undefined,
    hasOwn: false,
    descriptors: [server],
    inherited: { address, isShared: true, isHanded: true },
    close: () => void server.close(),
    remove: nothingToRemove,
  };
}

/** Listens, and gives connections that nobody has read from. */
function listenHere(
  where: { host: string; port: number; backlog: number } | { path: string; backlog: number },
  called: string,
  onConnection: OnConnection,
): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ pauseOnConnect: true }, onConnection);
    const fail = (cause: NodeJS.ErrnoException) => {
      if ("path" in where) void socketError(cause, called).then(reject);
      else reject(portError(cause, called));
    };
    server.once("error", fail);
    server.listen(where, () => {
      server.off("error", fail);
      resolve(server);
    });
  });
}

async function nothingToRemove(): Promise<void> {}
