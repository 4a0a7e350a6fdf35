/** Detects what kind of app a module exports. */

import { type FetchApp, type FetchHandler, fromFetch } from "../adapters/from-fetch.ts";
import { type FastifyApp, frameworkOf, isNodeServer } from "../adapters/from-node/frameworks.ts";
import { type FrameworkApp, fromNode, type NodeHandler } from "../adapters/from-node.ts";
import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";

export const INTERFACES = ["tsgi", "node", "fetch"] as const;
export type Interface = (typeof INTERFACES)[number];

/** An app, and what it was before. */
export interface DetectedApp {
  readonly app: App;
  /** `"an Express app"`. */
  readonly what: string;
  /** What to print once it has failed with what looks like a mistake, given its name; undefined where there is no doubt. */
  readonly hint: Hint | undefined;
}

type Hint = (name: string) => string;

/** What an app fails with that was taken for something else. */
const MISTAKEN: ReadonlySet<string> = new Set(["TSGI_NOT_STARTED", "TSGI_BAD_BODY", "TSGI_BAD_RESPONSE"]);

/** Whether an app may have failed with this error because it was taken for something else. */
export function looksMistaken(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof TsgiError && MISTAKEN.has(error.code));
}

/** Of an app whose interface was guessed. */
const guessed: Hint = (name) =>
  `tsgi: what ${name} is was detected from the number of its parameters; ` +
  "if it is something else, name it: --interface tsgi, node or fetch\n";

/** A router has the plain objects of Node, as long as no app has given them what its routes may call. */
const alone: Hint = (name) =>
  `tsgi: ${name} is a router without an app, so that response.send() and the like are missing; ` +
  "export the app: express().use(router)\n";

interface AppShape {
  readonly what: string;
  readonly interface: Interface;
  readonly is: (value: object) => boolean;
  readonly hint?: Hint;
}

/** Objects, and functions with methods. What has a `fetch` comes first: routers of itty have every other name as well. */
const OBJECTS: readonly AppShape[] = [
  { what: "a Hono app", interface: "fetch", is: (value) => hasFetch(value) && isOfClass(value, "Hono") },
  { what: "an h3 app", interface: "fetch", is: (value) => hasFetch(value) && isOfClass(value, "H3") },
  { what: "an Elysia app", interface: "fetch", is: (value) => hasFetch(value) && isOfClass(value, "Elysia") },
  { what: "a Fetch app", interface: "fetch", is: hasFetch },
  { what: "a Fastify app", interface: "node", is: (value) => frameworkOf(value)?.name === "Fastify" },
  { what: "a Koa app", interface: "node", is: (value) => frameworkOf(value)?.name === "Koa" },
  { what: "a Next.js app", interface: "node", is: (value) => frameworkOf(value)?.name === "Next.js" },
  { what: "a Polka app", interface: "node", is: (value) => frameworkOf(value)?.name === "Polka" },
  { what: "an Express app", interface: "node", is: (value) => isCallable(value, "handle", "listen", "set") },
  { what: "a Connect app", interface: "node", is: (value) => isCallable(value, "handle", "listen") },
  { what: "an Express router", interface: "node", is: isRouter, hint: alone },
  { what: "a Node server", interface: "node", is: isNodeServer },
];

/**
 * Plain functions, by the number of their parameters, which minifiers keep; their names would not say. An app of tsgi has
 * two, and so has a Node listener, which therefore has to be named: `--interface node`.
 */
const FUNCTIONS: readonly AppShape[] = [
  { what: "a tsgi app", interface: "tsgi", is: (value) => isCallable(value) && isGenerator(value) },
  { what: "a Node handler", interface: "node", is: (value) => isCallable(value) && value.length === 3 },
  { what: "a Fetch handler", interface: "fetch", is: (value) => isCallable(value) && value.length < 2 },
  { what: "a tsgi app", interface: "tsgi", is: (value) => isCallable(value) },
];

/** How a function is called whose interface was named. */
const NAMED = { tsgi: "a tsgi app", node: "a Node handler", fetch: "a Fetch handler" } as const;

/** An export as an app: of the interface that it is said to have, or else of the one detected. Undefined where it is none. */
export async function detectApp(value: unknown, wanted: Interface | undefined): Promise<DetectedApp | undefined> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  const object = OBJECTS.find(({ interface: own, is }) => (wanted === undefined || own === wanted) && is(value));
  const shape = object ?? (wanted === undefined ? FUNCTIONS.find(({ is }) => is(value)) : undefined);
  const kind = shape?.interface ?? wanted;
  if (kind === undefined || (shape === undefined && typeof value !== "function")) return undefined;
  const what = shape?.what ?? NAMED[kind];
  const hint = object === undefined && wanted === undefined ? guessed : object?.hint;
  if (kind === "tsgi") return { app: value as App, what, hint };
  if (kind === "fetch") return { app: fromFetch(value as FetchApp | FetchHandler), what, hint };
  // What is wrong with a plugin is to be known before a server listens.
  if (what === "a Fastify app") await (value as FastifyApp).ready();
  return { app: fromNode(value as FrameworkApp | NodeHandler), what, hint };
}

/** Whether an object is an app of a framework, so that its members are not exports of a module. */
export function isServable(value: object): boolean {
  return OBJECTS.some(({ is }) => is(value));
}

function hasFetch(value: object): boolean {
  return typeof (value as Partial<FetchApp>).fetch === "function";
}

function isOfClass(value: object, name: string): boolean {
  return new RegExp(`^_?${name}\\d*$`).test(value.constructor?.name ?? "");
}

/** A router of Express, or of the package that it takes it from. */
function isRouter(value: object): boolean {
  return isCallable(value, "handle", "use", "route") && Array.isArray((value as { stack?: unknown }).stack);
}

// biome-ignore lint/complexity/noBannedTypes: any function may be an app.
function isCallable(value: object, ...methods: string[]): value is Function {
  const members = value as Record<string, unknown>;
  return typeof value === "function" && methods.every((name) => typeof members[name] === "function");
}

/** Only an app of tsgi may be a generator: the other interfaces have no use for what it gives. */
function isGenerator(value: object): boolean {
  return /^(?:Async)?GeneratorFunction$/.test((value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? "");
}
