/**
 * The events of the core server on `node:diagnostics_channel`. Nothing is built for a channel that nobody listens to.
 *
 * | channel | when | message |
 * | --- | --- | --- |
 * | `tsgi.request.start` | a request is about to reach the app | `RequestStarted` |
 * | `tsgi.request.head` | the head of its response is sent | `HeadSent` |
 * | `tsgi.request.end` | its response was handed over, cut, or given up since the client has left | `RequestEnded` |
 * | `tsgi.request.error` | an error is reported | `RequestFailed` |
 * | `tsgi.request.refused` | what came is not a request that an app may see | `RequestRefused` |
 *
 * They come in this order, each at most once for a request, except that any number of errors may come after the start, also
 * after the end; each start has one end. A request that is taken over for another protocol ends complete and without a head.
 * `channel("tsgi.request.start").bindStore(storage, ({ environ }) => …)` gives each request a store of an `AsyncLocalStorage`, in
 * which its app runs and its body is read.
 *
 * Subscribers are called at once. What they throw does not reach the server: Node throws it again in the next tick, as an
 * uncaught exception of the process.
 */

import { channel } from "node:diagnostics_channel";
import type { Environ, StatusLine } from "../../gateway.ts";

/** The message of `tsgi.request.start`. */
export interface RequestStarted {
  /** The environ as the outermost app gets it; the other messages of the request have the same. */
  readonly environ: Environ;
}

/** The message of `tsgi.request.head`. */
export interface HeadSent extends RequestStarted {
  /** The head as sent, with its empty line. */
  readonly head: string;
  /** Its status code. */
  readonly status: number;
}

/** The message of `tsgi.request.end`. */
export interface RequestEnded extends RequestStarted {
  /** Whether the whole response was handed to the operating system or waits to be, or the connection was taken over. */
  readonly isComplete: boolean;
}

/** The message of `tsgi.request.error`. */
export interface RequestFailed extends RequestStarted {
  /** What was thrown: any value. */
  readonly error: unknown;
}

/** The message of `tsgi.request.refused`. */
export interface RequestRefused {
  /** The address of the client; `""` on a Unix socket. */
  readonly address: string;
  /** What it was answered with. */
  readonly status: StatusLine;
  /** What came and was not a request, as far as it is known; it stays as it is during the call only. */
  readonly received: Uint8Array;
}

/** The channel of starts: the app runs, and its body is read, in the contexts that were bound to it (`bindStore`). */
export interface StartEvents extends Events<RequestStarted> {
  runStores(message: RequestStarted, run: () => void): void;
}

/** A channel of events. */
export interface Events<Message> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

export const started: StartEvents = channel("tsgi.request.start");
export const headSent: Events<HeadSent> = channel("tsgi.request.head");
export const ended: Events<RequestEnded> = channel("tsgi.request.end");
export const failed: Events<RequestFailed> = channel("tsgi.request.error");
export const refused: Events<RequestRefused> = channel("tsgi.request.refused");
