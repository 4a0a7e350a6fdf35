/** What is measured: a request, and the servers that answer it. */

import { FILES } from "./files.ts";
import { CHUNK, CHUNKS, HELLO, USERS } from "./servers/report.js";

export interface Scenario {
  readonly name: string;
  /** What is asked for; `*` is another word in each request, and each has a query of its own. */
  readonly path: string;
  /** Default `"http"`. */
  readonly scheme?: "https";
  /** Whether it is sent over HTTP/2, eight streams to a connection. */
  readonly http2?: boolean;
  /**
   * The header lines of each request: those of a browser, `Host` alone, or those of a browser and ten more. With `"newNames"`
   * no request had their names before; with `"newSets"` some had, as there are a hundred, but never these ten. Default
   * `"browser"`.
   */
  readonly head?: "browser" | "none" | "newNames" | "newSets";
  /** How many requests have the same new names. Default 1. */
  readonly times?: number;
  /** Whether 1 KB is sent with each request. */
  readonly posts?: boolean;
  /** How many requests are sent at a time on each connection. Default 1. */
  readonly depth?: number;
  /** What other clients send meanwhile, on as many connections. */
  readonly beside?: Scenario;
  /** What a right answer has, byte for byte. Default: what was sent. */
  readonly answer?: string | Buffer;
  /** Its media type, parameters aside. */
  readonly type: string;
  /** Whether it comes in chunks, of a length that nobody told, or with a `Content-Length`. */
  readonly chunked?: boolean;
  /** Whether the `ETag` of that answer is sent back with each request, for a 304. */
  readonly revalidates?: boolean;
  /**
   * The servers, the first being what the others are measured by: files below `servers/`, `tsgi mounts:10` being a variant
   * of `tsgi`.
   */
  readonly servers: readonly string[];
}

const APPS = ["node", "tsgi", "fastify", "hono", "srvx", "h3", "koa", "express", "polka"];
/** Those whose apps are served by their own server and through an adapter. */
const FRAMEWORKS = ["express", "koa", "fastify", "hono", "h3"];

/** A framework's own server, the adapter, and for Fetch the adapter without its lazy globals. */
function adaptedOf(framework: string): string[] {
  const own = [framework, `tsgi app:${framework}`];
  return framework === "hono" || framework === "h3" ? [...own, `tsgi plain:${framework}`] : own;
}

const STATIC = [
  "static/node",
  "static/tsgi",
  "static/tsgi manifest",
  "static/sirv",
  "static/sirv dev",
  "static/serve-static",
  "static/express",
  "static/fastify",
  "static/hono",
  "static/srvx",
  "static/nginx",
  "static/nginx cached",
];

/** Proxies to an nginx that serves files. */
const PROXIES = ["tsgi", "tsgi http2", "fastify", "http-proxy-middleware", "httpxy", "hono", "nginx", "haproxy"].map(
  (name) => `proxy/${name}`,
);

/** The library that a server is of: `sirv` for `static/sirv dev`. */
export function peerOf(server: string): string {
  return server.replace(/^(?:static|proxy)\/| .*/g, "");
}

/** All libraries, the first two being the reference and tsgi. */
export const PEERS: readonly string[] = [...new Set([...APPS, ...STATIC, ...PROXIES].map(peerOf))];

const HELLO_SCENARIO: Scenario = {
  name: "hello",
  path: "/pages/*",
  head: "none",
  answer: HELLO,
  type: "text/plain",
  servers: APPS,
};
const BROWSER: Scenario = { ...HELLO_SCENARIO, name: "browser", head: "browser" };
const JSON_SCENARIO: Scenario = {
  name: "json",
  path: "/json",
  answer: JSON.stringify(USERS),
  type: "application/json",
  servers: APPS,
};
const ECHO: Scenario = { name: "echo", path: "/echo", posts: true, type: "text/plain", servers: APPS };
const PIPELINED: Partial<Scenario> = { depth: 16, servers: ["node", "tsgi"] };
const NEW_NAMES: Scenario = { ...HELLO_SCENARIO, name: "new-names", head: "newNames", servers: ["node", "tsgi"] };
const NEW_SETS: Scenario = { ...NEW_NAMES, name: "new-sets", head: "newSets" };
/** What is worth keeping, to a server that keeps what comes again. */
const NEW_NAMES_TWICE: Scenario = { ...NEW_NAMES, name: "new-names-twice", times: 2 };
const NEW_SETS_TWICE: Scenario = { ...NEW_SETS, name: "new-sets-twice", times: 2 };
const FILE: Scenario = {
  name: "file-1k",
  path: "/1k.txt",
  answer: FILES["1k.txt"],
  type: "text/plain",
  servers: STATIC,
};
const LARGE_FILE = { ...FILE, type: "application/octet-stream" };

export const SCENARIOS: readonly Scenario[] = [
  HELLO_SCENARIO,
  BROWSER,
  JSON_SCENARIO,
  ECHO,
  {
    name: "chunks",
    path: "/chunks",
    answer: CHUNK.toString().repeat(CHUNKS),
    type: "application/octet-stream",
    chunked: true,
    servers: APPS,
  },
  { ...HELLO_SCENARIO, ...PIPELINED, name: "pipelined-hello" },
  { ...BROWSER, ...PIPELINED, name: "pipelined-browser" },
  { ...BROWSER, name: "https", scheme: "https", servers: ["node https", "tsgi https"] },
  { ...HELLO_SCENARIO, name: "http2", http2: true, servers: ["node http2", "tsgi http2"] },
  { ...HELLO_SCENARIO, name: "http2-tls", http2: true, scheme: "https", servers: ["node http2tls", "tsgi http2tls"] },
  NEW_NAMES,
  NEW_SETS,
  NEW_NAMES_TWICE,
  NEW_SETS_TWICE,
  { ...BROWSER, name: "beside-new-names", beside: NEW_NAMES_TWICE, servers: NEW_NAMES.servers },
  { ...BROWSER, name: "beside-new-sets", beside: NEW_SETS_TWICE, servers: NEW_SETS.servers },
  {
    ...HELLO_SCENARIO,
    name: "mounts",
    path: "/mount0/pages/*",
    servers: ["tsgi", "tsgi mounts:1", "tsgi mounts:10", "tsgi mounts:1000"],
  },
  { ...HELLO_SCENARIO, name: "middlewares", servers: ["tsgi", "tsgi middlewares:10"] },
  {
    ...BROWSER,
    name: "observed",
    servers: ["tsgi", ...["log", "json", "metrics", "id", "trace", "all"].map((kind) => `tsgi observed:${kind}`)],
  },
  ...FRAMEWORKS.flatMap((framework) =>
    [JSON_SCENARIO, HELLO_SCENARIO, ECHO].map((scenario) => ({
      ...scenario,
      name: `${framework}-${scenario.name}`,
      servers: adaptedOf(framework),
    })),
  ),
  FILE,
  {
    ...FILE,
    name: "file-304",
    revalidates: true,
    // Hono's serveStatic knows no ETag; its middleware of that name makes one.
    servers: STATIC.map((name) => (name === "static/hono" ? "static/hono etag" : name)),
  },
  { ...FILE, name: "file-100k", path: "/100k.txt", answer: FILES["100k.txt"] },
  { ...LARGE_FILE, name: "file-10m", path: "/10m.bin", answer: FILES["10m.bin"] },
  { ...FILE, name: "missing", path: "/users/7", answer: HELLO },
  { ...FILE, name: "proxy-1k", head: "none", servers: PROXIES },
  { ...FILE, name: "proxy-browser", servers: PROXIES },
  { ...FILE, name: "proxy-100k", head: "none", path: "/100k.txt", answer: FILES["100k.txt"], servers: PROXIES },
  { ...LARGE_FILE, name: "proxy-1m", head: "none", path: "/1m.bin", answer: FILES["1m.bin"], servers: PROXIES },
];
