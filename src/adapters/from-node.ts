/** Node handlers as apps. */

import { checkApp, notFound } from "../apps.ts";
import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { type FrameworkApp, frameworkOf } from "./from-node/frameworks.ts";
import { HandlerRun, type NodeHandler } from "./from-node/handler-run.ts";

export type { FrameworkApp } from "./from-node/frameworks.ts";
export type { Next, NodeHandler } from "./from-node/handler-run.ts";

export interface FromNodeOptions {
  /** What answers after `next()`. Default 404; whole apps of Express and Connect then answer for themselves. */
  fallback?: App;
}

/**
 * A Node handler as an app: a listener of `http.createServer`, an app of Express, Connect, Koa, Fastify or Polka.
 *
 * ```ts
 * const site = dispatcher(notFound, { "/blog": fromNode(express()), "/shop": fromNode(new Koa()) });
 * ```
 *
 * The handler gets an `IncomingMessage` and a `ServerResponse` of Node's. Below a mount, `req.url` is the path within it,
 * `req.baseUrl` the mount and `req.originalUrl` both. What it writes goes through the gateway chunk by chunk, with
 * back-pressure; the connection is the server's, so timeouts and hop-by-hop headers that a handler sets change nothing.
 * `next(error)`, a rejected promise and a destroyed response are the app's error.
 */
export function fromNode(handler: NodeHandler | FrameworkApp, { fallback }: FromNodeOptions = {}): App {
  const found = typeof handler === "function" ? handler : frameworkOf(handler)?.handler;
  if (found === undefined) {
    const what = handler === null ? "null" : typeof handler;
    throw new TsgiError("TSGI_NO_APP", `a Node handler is a function or an app of a framework, not ${what}`, {
      hint: "Pass (req, res) => …, or an app of Express, Connect, Koa, Fastify or Polka.",
    });
  }
  if (fallback !== undefined) checkApp(fallback, "fromNode");
  const behind = fallback ?? (isWhole(found) ? undefined : notFound);
  return function fromNode(environ, startResponse) {
    return new HandlerRun(environ, startResponse).run(found, behind);
  };
}

/** Whether a handler is an app that could listen by itself: it answers what it has no route for, unless it gets a `next`. */
function isWhole(handler: NodeHandler): boolean {
  return handler.length < 3 || typeof (handler as { listen?: unknown }).listen === "function";
}
