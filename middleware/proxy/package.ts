/** The package `undici`, as much as is used of it: its own types are only there for those who have installed it. */

import type { Socket } from "node:net";
import { TsgiError } from "../../src/errors.ts";
import { loadPackage } from "../../src/peer-package.ts";

/** What a request under way is steered by. */
export interface Controller {
  /** The header lines as they came, names and values in turn. */
  readonly rawHeaders?: unknown;
  /** The same of the trailers, once there are some. */
  readonly rawTrailers?: unknown;
  pause(): void;
  resume(): void;
  abort(reason: Error): void;
}

/** A header's values by its name. */
export type HeaderValues = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What takes a response. */
export interface Handler {
  onRequestStart(controller: Controller): void;
  onResponseStart(controller: Controller, status: number, headers: HeaderValues, reason?: string): void;
  onResponseData(controller: Controller, chunk: Uint8Array): void;
  onResponseEnd(controller: Controller, trailers: HeaderValues): void;
  onResponseError(controller: Controller | undefined, error: unknown): void;
}

/** A request. */
export interface Dispatch {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null;
  readonly servername: string;
  readonly reset: boolean | null;
}

/** A client with one connection at most. */
export interface Client {
  on(event: "disconnect" | "error", listener: () => void): this;
  dispatch(request: Dispatch, handler: Handler): boolean;
  destroy(error: Error, callback: () => void): void;
}

/** Opens a connection for a client. */
export type Connect = (options: unknown, callback: (error: Error | null, socket: Socket | null) => void) => void;

interface UndiciPackage {
  readonly Client: { new (origin: string, options: object): Client; readonly prototype: Client };
}

/** What undici 8 runs on. */
const OLDEST_NODE = "22.19.0";

/**
 * Loads undici. Throws `TSGI_NO_PACKAGE` where it is not installed, is a version that this Node does not run, or is not the package;
 * `TSGI_HTTP2_NEEDS_UNDICI_8` where `needsHttp2` and it is an older one, which loses trailers, `103 Early Hints` and requests that
 * come as a target says farewell.
 */
export function loadUndici(owner: string, needsHttp2: boolean): UndiciPackage {
  const { version } = loadPackage<{ readonly version: string }>("undici/package.json", owner, "undici@7");
  const isEight = Number.parseInt(version, 10) >= 8;
  if (needsHttp2 && !isEight) {
    throw new TsgiError("TSGI_HTTP2_NEEDS_UNDICI_8", `http2 of ${owner} needs undici 8, and ${version} is installed`, {
      hint: `Install it: npm install undici@8 (on Node ${OLDEST_NODE} or later), or leave http2 out.`,
    });
  }
  try {
    return checkDispatch(loadPackage<UndiciPackage>("undici", owner, "undici@7"), owner);
  } catch (error) {
    if (error instanceof TsgiError) throw error;
    // Undici 8 looks for functions that an older Node does not have.
    throw new TsgiError("TSGI_NO_PACKAGE", `${owner} cannot load undici ${version} on Node ${process.versions.node}`, {
      hint: isEight
        ? `Use Node ${OLDEST_NODE} or later, or npm install undici@7.`
        : "Install it anew: npm install undici@7",
      cause: error,
    });
  }
}

/** Bun puts an `undici` of its own in the place of the package, of which a client cannot send. */
function checkDispatch(loaded: UndiciPackage, owner: string): UndiciPackage {
  if (typeof loaded.Client.prototype.dispatch === "function") return loaded;
  throw new TsgiError("TSGI_NO_PACKAGE", `${owner} cannot use the undici of this runtime, which has no dispatch`, {
    hint: "Run it on Node or Deno: npm install undici@7",
  });
}
