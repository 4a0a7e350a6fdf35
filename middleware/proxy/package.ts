/** The package `undici`, as much as is used of it: its own types are only there for those who have installed it. */

import type { Socket } from "node:net";
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
  readonly Client: new (origin: string, options: object) => Client;
}

/** Throws `TSGI_NO_PACKAGE`. */
export function loadUndici(owner: string): UndiciPackage {
  return loadPackage<UndiciPackage>("undici", owner, "undici@7");
}
