/** Frameworks whose apps are objects, known by their shape, and the Node handler that lies in each. */

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

/** An app of Polka, or of what is built as it is. */
export interface PolkaApp {
  handler: NodeHandler;
  listen(...args: never[]): unknown;
}

export type FrameworkApp = KoaApp | FastifyApp | PolkaApp;

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
  if (has(value, "ready", "routing")) return { name: "Fastify", handler: whenReady(value as FastifyApp) };
  if (has(value, "callback", "middleware")) return { name: "Koa", handler: (value as KoaApp).callback() };
  // Its handler takes something else than `next` as its third argument.
  if (has(value, "handler", "listen")) {
    const app = value as PolkaApp;
    return { name: "Polka", handler: (request, response) => app.handler(request, response) };
  }
  return undefined;
}

/** Plugins are loaded with the first request, as `listen` would have done: routes may come until then. */
function whenReady(app: FastifyApp): NodeHandler {
  let loading: PromiseLike<unknown> | undefined;
  let isReady = false;
  return function fastify(request, response) {
    if (isReady) return app.routing(request, response);
    loading ??= app.ready();
    return loading.then(() => {
      isReady = true;
      return app.routing(request, response);
    });
  };
}
