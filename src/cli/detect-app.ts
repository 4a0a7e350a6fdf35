/** What a module may export as its app, and how it is told. */

import { type FetchApp, type FetchHandler, fromFetch } from "../adapters/from-fetch.ts";
import { type FastifyApp, frameworkOf } from "../adapters/from-node/frameworks.ts";
import { type FrameworkApp, fromNode, type NodeHandler } from "../adapters/from-node.ts";
import type { App } from "../gateway.ts";

export const INTERFACES = ["tsgi", "node", "fetch"] as const;
export type Interface = (typeof INTERFACES)[number];

/** An app, and what it was before. */
export interface DetectedApp {
  readonly app: App;
  /** `"an Express app"`. */
  readonly what: string;
}

interface AppShape {
  readonly what: string;
  readonly interface: Interface;
  readonly is: (value: object) => boolean;
}

/** The first that fits. What has a `fetch` comes first: routers of itty have every other name as well. */
const SHAPES: readonly AppShape[] = [
  { what: "a Hono app", interface: "fetch", is: (value) => hasFetch(value) && isOfClass(value, "Hono") },
  { what: "an h3 app", interface: "fetch", is: (value) => hasFetch(value) && isOfClass(value, "H3") },
  { what: "an Elysia app", interface: "fetch", is: (value) => hasFetch(value) && isOfClass(value, "Elysia") },
  { what: "a Fetch app", interface: "fetch", is: hasFetch },
  { what: "a Fastify app", interface: "node", is: (value) => frameworkOf(value)?.name === "Fastify" },
  { what: "a Koa app", interface: "node", is: (value) => frameworkOf(value)?.name === "Koa" },
  { what: "a Polka app", interface: "node", is: (value) => frameworkOf(value)?.name === "Polka" },
  { what: "an Express app", interface: "node", is: (value) => isCallable(value, "handle", "listen", "set") },
  { what: "a Connect app", interface: "node", is: (value) => isCallable(value, "handle", "listen") },
  {
    what: "a Node listener",
    interface: "node",
    is: (value) => takes(value, /^_?(?:req|incoming)/i, /^_?(?:res|reply|out)/i),
  },
  { what: "a Fetch handler", interface: "fetch", is: (value) => takes(value, /^_?req/i) },
  { what: "a tsgi app", interface: "tsgi", is: (value) => isCallable(value) },
];

/** An export as an app, by its shape or as what it is said to be; undefined where it can be none. */
export async function detectApp(value: unknown, wanted: Interface | undefined): Promise<DetectedApp | undefined> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  const shape = SHAPES.find(({ interface: own, is }) => (wanted === undefined || own === wanted) && is(value));
  const kind = shape?.interface ?? wanted;
  if (kind === undefined || (shape === undefined && typeof value !== "function")) return undefined;
  const what = shape?.what ?? { tsgi: "a tsgi app", node: "a Node listener", fetch: "a Fetch handler" }[kind];
  if (kind === "tsgi") return { app: value as App, what };
  if (kind === "fetch") return { app: fromFetch(value as FetchApp | FetchHandler), what };
  // What is wrong with a plugin is to be known before a server listens.
  if (what === "a Fastify app") await (value as FastifyApp).ready();
  return { app: fromNode(value as FrameworkApp | NodeHandler), what };
}

function hasFetch(value: object): boolean {
  return typeof (value as Partial<FetchApp>).fetch === "function";
}

function isOfClass(value: object, name: string): boolean {
  return new RegExp(`^_?${name}\\d*$`).test(value.constructor?.name ?? "");
}

function isCallable(value: object, ...methods: string[]): boolean {
  const members = value as Record<string, unknown>;
  return typeof value === "function" && methods.every((name) => typeof members[name] === "function");
}

/** Whether a function's first parameters are called so. */
function takes(value: object, ...names: RegExp[]): boolean {
  if (typeof value !== "function") return false;
  const source = Function.prototype.toString.call(value);
  const list = /^(?:async\s*)?(?:function\s*\*?\s*[\w$]*\s*|[\w$]+\s*)?\(([^)]*)\)|^(?:async\s+)?([\w$]+)\s*=>/.exec(
    source,
  );
  const parameters = (list?.[1] ?? list?.[2] ?? "").split(",").map((parameter) => parameter.trim());
  return names.every((name, index) => name.test(parameters[index] ?? ""));
}
