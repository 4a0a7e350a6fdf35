/** Listening on a port or a Unix socket. */

import { lstat, stat, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname, resolve } from "node:path";
import { TsgiError } from "../errors.ts";
import type { Place } from "./options.ts";

/**
 * listen makes a server listen; a Unix socket that a dead server has left is replaced. Rejects with `TSGI_PORT_IN_USE`,
 * `TSGI_PORT_DENIED` or `TSGI_CANNOT_LISTEN`.
 */
export async function listen(server: Server, { host, port, unix, mode, fd }: Place, backlog: number): Promise<void> {
  if (unix !== undefined) await listenOnSocket(server, unix, mode, backlog);
  else if (fd !== undefined) {
    await listenOn(server, { fd, backlog }).catch((cause: Error) => {
      throw new TsgiError("TSGI_CANNOT_LISTEN", `cannot listen on descriptor ${fd}: ${cause.message}`, {
        hint: "Pass the descriptor of a socket that this process has inherited.",
        cause,
      });
    });
  } else {
    await listenOn(server, { host, port, backlog }).catch((cause: NodeJS.ErrnoException) => {
      throw portError(cause, `${host}:${port}`);
    });
  }
}

async function listenOnSocket(server: Server, unix: string, mode: number | undefined, backlog: number): Promise<void> {
  const listenThere = () => withMode(mode, () => listenOn(server, { path: unix, backlog }));
  try {
    await listenThere();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw await socketError(cause as Error, unix);
    await removeDeadSocket(unix, cause as Error);
    await listenThere().catch(async (error: Error) => {
      throw await socketError(error, unix);
    });
  }
}

/** The `ListenOptions` of Node, whose types leave `fd` out. */
type Where = ({ host: string; port: number } | { path: string } | { fd: number }) & { backlog: number };

function listenOn(server: Server, address: Where): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** clearSocketPath makes room for a Unix socket. Rejects with `TSGI_PORT_IN_USE` where a server is alive there, or another file is. */
export async function clearSocketPath(unix: string): Promise<void> {
  const isFree = (await lstat(unix).catch(() => undefined)) === undefined;
  if (!isFree) await removeDeadSocket(unix);
}

/** A socket is made at once, with the permissions that the umask leaves; were they changed after it, others could connect before. */
export function withMode<Value>(mode: number | undefined, make: () => Value): Value {
  if (mode === undefined) return make();
  const before = process.umask(0o777 & ~mode);
  try {
    return make();
  } finally {
    process.umask(before);
  }
}

/** Removes the socket of a server that has died. Throws `TSGI_PORT_IN_USE` for one that is alive, and for any other file. */
async function removeDeadSocket(unix: string, cause?: Error): Promise<void> {
  const file = await lstat(unix).catch(() => undefined);
  if (file !== undefined && !file.isSocket()) {
    throw new TsgiError("TSGI_PORT_IN_USE", `${unix} exists and is not a socket`, {
      hint: "Choose another path.",
      cause,
    });
  }
  if (await isAlive(unix)) {
    throw new TsgiError("TSGI_PORT_IN_USE", `${unix} is in use`, {
      hint: "Stop the server that listens there, or choose another path.",
      cause,
    });
  }
  await unlink(unix);
}

/** Whether a server answers on a socket. */
function isAlive(unix: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(unix, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"));
  });
}

/** What a failure to listen on a port is reported as. */
export function portError(cause: NodeJS.ErrnoException, where: string): TsgiError {
  switch (cause.code) {
    case "EADDRINUSE":
      return new TsgiError("TSGI_PORT_IN_USE", `${where} is in use`, {
        hint: "Stop the program that listens there, or choose another port.",
        cause,
      });
    case "EACCES":
      return new TsgiError("TSGI_PORT_DENIED", `this user may not listen on ${where}`, {
        hint: "Choose a port from 1024 up.",
        cause,
      });
    case "EMFILE":
    case "ENFILE":
      return new TsgiError("TSGI_CANNOT_LISTEN", `cannot listen on ${where}: ${cause.message}`, {
        hint: "Raise the limit of open files: ulimit -n",
        cause,
      });
    default:
      return new TsgiError("TSGI_CANNOT_LISTEN", `cannot listen on ${where}: ${cause.message}`, {
        hint: "Check the host: it has to be an address of this machine.",
        cause,
      });
  }
}

/** What a failure to listen on a Unix socket is reported as. Node reports a missing folder as EACCES, so that is looked at. */
export async function socketError(cause: Error, unix: string): Promise<TsgiError> {
  const folder = dirname(resolve(unix));
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined || !found.isDirectory()) {
    return new TsgiError("TSGI_CANNOT_LISTEN", `cannot listen on ${unix}: there is no folder ${folder}`, {
      hint: "Make the folder, or choose another path.",
      cause,
    });
  }
  if ((cause as NodeJS.ErrnoException).code === "EACCES") {
    return new TsgiError("TSGI_PORT_DENIED", `this user may not make a socket in ${folder}`, {
      hint: "Choose a folder that this user may write to.",
      cause,
    });
  }
  return new TsgiError("TSGI_CANNOT_LISTEN", `cannot listen on ${unix}: ${cause.message}`, {
    hint: "Check the path; a socket's path has about a hundred characters at most.",
    cause,
  });
}
