/** Frameworks whose apps are objects, detected from their shape, and the Node handler of each. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { NodeHandler } from "./handler-run.ts";

/** An app of Koa. */
export interface KoaApp {
  callback(): NodeHandler;
  readonly middleware: readonly unknown[];
}

/** An instance of Fastify. */
export interface FastifyApp {
  ready(): PromiseLike<unknown>;
  routing: NodeHandler;
}

/** An app of Next.js, as `next({ dev })` makes it. */
export interface NextApp {
  prepare(): PromiseLike<unknown>;
  getRequestHandler(): (request: IncomingMessage, response: ServerResponse) => unknown;
}

/** An app of Polka, or of a framework built like it. */
export interface PolkaApp {
  handler: NodeHandler;
  listen(...args: never[]): unknown;
}

/** A server of Node, which need not listen: its listeners are called. */
export interface NodeServer {
  emit(name: string, ...args: unknown[]): boolean;
  listenerCount(name: string): number;
  listen(...args: never[]): unknown;
  close(...args: never[]): unknown;
}

/** An app that is an object with a Node handler in it. */
export type FrameworkApp = KoaApp | FastifyApp | NextApp | PolkaApp | NodeServer;

/** Whether a value is a server of Node. */
export function isNodeServer(value: unknown): value is NodeServer {
  return typeof value === "object" && value !== null && has(value, "emit", "listenerCount", "listen", "close");
}

/** Whether an object has functions, or lists, of these names. */
function has(value: object, ...names: string[]): boolean {
  return names.every((name) => {
    const member = (value as Record<string, unknown>)[name];
    return typeof member === "function" || Array.isArray(member);
  });
}

/** The name of the framework whose app a value is, and its handler; undefined for anything else. */
export function frameworkOf(value: unknown): { readonly name: string; readonly handler: NodeHandler } | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (has(value, "ready", "routing")) {
    const app = value as FastifyApp;
    const handler = whenReady(
      () => app.ready(),
      () => (request, response) => app.routing(request, response),
    );
    return { name: "Fastify", handler };
  }
  if (has(value, "prepare", "getRequestHandler")) {
    const app = value as NextApp;
    const handler = whenReady(
      () => app.prepare(),
      () => app.getRequestHandler(),
    );
    return { name: "Next.js", handler };
  }
  if (has(value, "callback", "middleware")) return { name: "Koa", handler: (value as KoaApp).callback() };
  // Its handler takes something else than `next` as its third argument.
  if (has(value, "handler", "listen")) {
    const app = value as PolkaApp;
    return { name: "Polka", handler: (request, response) => app.handler(request, response) };
  }
  if (isNodeServer(value)) {
    return { name: "Node server", handler: (request, response) => value.emit("request", request, response) };
  }
  return undefined;
}

/** A handler that is loaded with the first request, as `listen` would have done: routes may be added until then. */
function whenReady(load: () => PromiseLike<unknown>, handlerOf: () => NodeHandler): NodeHandler {
  let loading: PromiseLike<NodeHandler> | undefined;
  let handler: NodeHandler | undefined;
  return function whenReady(request, response) {
    if (handler !== undefined) return handler(request, response);
    loading ??= load().then(() => {
      handler = handlerOf();
      return handler;
    });
    return loading.then((loaded) => loaded(request, response));
  };
}
