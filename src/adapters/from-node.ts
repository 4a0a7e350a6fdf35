/** Node handlers as apps. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { checkApp, notFound } from "../apps.ts";
import { TsgiError } from "../errors.ts";
import type { App, Body } from "../gateway.ts";
import { checkOptions, either, FUNCTION, type Kind, type Kinds, OBJECT, oneOf } from "../options.ts";
import { isPromise } from "../promise.ts";
import { checkNode } from "./from-node/check-node.ts";
import { type FrameworkApp, frameworkOf, isNodeServer } from "./from-node/frameworks.ts";
import { HandlerRun, type Next, type NodeHandler } from "./from-node/handler-run.ts";
import { takesUpgrades, type UpgradeEmitter, type UpgradeListener, UpgradeRun } from "./from-node/upgrade-run.ts";

export type { FrameworkApp } from "./from-node/frameworks.ts";
export type { Next, NodeHandler } from "./from-node/handler-run.ts";
export type { UpgradeEmitter, UpgradeListener } from "./from-node/upgrade-run.ts";

/** How `fromNode` calls a handler. */
export interface FromNodeOptions {
  /**
   * The app that answers after `next()`. With it the handler gets a third argument, `next`. Default: `notFound` for a
   * function with three parameters that has no `listen`, as middlewares of Connect are; no `next` for everything else, so
   * that complete apps of Express and Connect send their own 404. `false`: no `next` at all, for a handler whose third
   * parameter is something else.
   */
  fallback?: App | false;
  /**
   * Whether `request.url` is the URL below the mount, `"inner"`, the default, or the whole path of the request, `"full"`,
   * for frameworks that are configured with the path they are mounted at, such as Next.js and SvelteKit.
   */
  url?: "inner" | "full";
  /**
   * Who gets the requests that ask for another protocol, with their connections, as the `upgrade` event of a Node server: a
   * listener, or what emits the event, such as the server that `ws`, Socket.IO and Vite are given; it need not listen. Where
   * nobody listens to the event, and where the server cannot give its connections away, these requests go to the handler.
   * Default: the handler, if it is a Node server; else none.
   */
  upgrade?: UpgradeListener | UpgradeEmitter;
}

const EMITTER: Kind = {
  expected: "an emitter of events",
  accepts: (value) => OBJECT.accepts(value) && typeof (value as Partial<UpgradeEmitter>).listenerCount === "function",
};

const KINDS: Kinds<FromNodeOptions> = {
  fallback: either(FUNCTION, oneOf(false)),
  url: oneOf("inner", "full"),
  upgrade: either(FUNCTION, EMITTER),
};

/** A handler as `fromNode` calls one with three parameters: always with a `next`. */
type HandlerWithNext = (request: IncomingMessage, response: ServerResponse, next: Next) => unknown;

/** A handler whose third parameter is not `next`. */
// biome-ignore lint/suspicious/noExplicitAny: what it takes as its third argument is its own business.
type HandlerWithoutNext = (request: IncomingMessage, response: ServerResponse, ...rest: any[]) => unknown;

/**
 * fromNode makes an app of a Node handler: a listener of `http.createServer`, an app of Express, Connect, Koa, Fastify, Polka
 * or Next.js, or a Node server with its listeners.
 *
 * ```ts
 * const site = dispatcher(notFound, { "/blog": fromNode(express()), "/shop": fromNode(new Koa()) });
 * ```
 *
 * The handler gets Node's own `IncomingMessage` and `ServerResponse`. Below a mount, `request.url` is the path within the
 * mount, `request.baseUrl` the mount and `request.originalUrl` both. The path is the canonical one: an absolute-form target
 * (`GET http://a/b`) shows as `/b`, its authority as the `Host` header; what the client sent is in `REQUEST_URI`.
 *
 * What the handler writes goes through the gateway chunk by chunk, with back-pressure. The connection is the server's:
 *
 * - Hop-by-hop headers are dropped, `Transfer-Encoding` and `Connection` among them; the server frames the body. A body that
 *   is there at once gets a `Content-Length`.
 * - Response trailers (`addTrailers`) are those of the exchange: sent where the client accepts them, dropped elsewhere.
 * - A timeout that the handler sets holds for its own exchange.
 * - A request body that was not read before the response ended is discarded: reading on fails with `TSGI_RESPONSE_OVER`.
 * - Bytes written to the socket before the head are an error, `TSGI_RAW_WRITE`.
 *
 * WebSockets are attached as to a server that listens:
 *
 * ```ts
 * const server = http.createServer(express());
 * const sockets = new SocketServer(server); // `Server` of Socket.IO
 * const site = dispatcher(notFound, { "/chat": fromNode(server) });
 * ```
 *
 * The listener writes the 101 to the connection, so layers add nothing to it, and closes its sockets when the server closes.
 *
 * `next(error)`, a thrown error, a rejected promise, a destroyed response (`TSGI_RESPONSE_DESTROYED`) and a head that the
 * gateway refuses (a malformed `Content-Length`, a status of 1xx) are the app's error: 500 before the head, a cut response
 * after it. An error after the response has ended is reported, what a listener of request or response throws included. Where
 * the client has left, request and response close as on a Node server, and what the handler still writes is dropped.
 *
 * Throws `TSGI_NO_APP` for something that is not a handler, `TSGI_BAD_OPTION` for a wrong option, and
 * `TSGI_NODE_UNSUPPORTED` on a version of Node without the internals that it relies on.
 */
export function fromNode(handler: HandlerWithNext | FrameworkApp, options?: FromNodeOptions): App;
export function fromNode(handler: HandlerWithoutNext, options: FromNodeOptions & { fallback: false }): App;
export function fromNode(handler: HandlerWithNext | FrameworkApp, options: FromNodeOptions = {}): App {
  const found = typeof handler === "function" ? (handler as NodeHandler) : frameworkOf(handler)?.handler;
  if (found === undefined) {
    const what = handler === null ? "null" : typeof handler;
    throw new TsgiError("TSGI_NO_APP", `a Node handler is a function or an app of a framework, not ${what}`, {
      hint: "Pass (req, res) => …, or an app of Express, Connect, Koa, Fastify, Polka or Next.js.",
    });
  }
  checkOptions("fromNode", options, KINDS);
  checkNode();
  const { fallback = isComplete(found) ? false : notFound } = options;
  if (fallback !== false) checkApp(fallback, "fromNode");
  const after = fallback === false ? undefined : fallback;
  const isFullUrl = options.url === "full";
  const upgrade = options.upgrade ?? (isNodeServer(handler) ? handler : undefined);
  return function fromNode(environ, startResponse) {
    const takeOver = upgrade === undefined ? undefined : environ["tsgi.exchange"].upgrade;
    if (upgrade !== undefined && takeOver !== undefined && takesUpgrades(upgrade)) {
      const returned = new UpgradeRun(environ, isFullUrl, takeOver).run(upgrade);
      return isPromise(returned) ? (returned.then(nothing) as Promise<Body>) : undefined;
    }
    return new HandlerRun(environ, startResponse, isFullUrl).run(found, after);
  };
}

function nothing(): void {}

/** Whether a handler answers everything itself: it takes no `next`, or could listen on its own. */
function isComplete(handler: NodeHandler): boolean {
  return handler.length < 3 || typeof (handler as { listen?: unknown }).listen === "function";
}
