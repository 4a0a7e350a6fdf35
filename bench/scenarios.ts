/** What is measured: a request, and the servers that answer it. */

import { FILES } from "./files.ts";
import { CHUNK, CHUNKS, HELLO, USERS } from "./servers/report.js";

export interface Scenario {
  readonly name: string;
  readonly path: string;
  /** Options of `wrk`. */
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** What a right answer has, byte for byte. */
  readonly answer: string | Buffer;
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

/** The library that a server is of: `sirv` for `static/sirv dev`. */
export function peerOf(server: string): string {
  return server.replace(/^static\/| .*/g, "");
}

/** All libraries, the first two being the reference and tsgi. */
export const PEERS: readonly string[] = [...new Set([...APPS, ...STATIC].map(peerOf))];

const BROWSER = {
  Connection: "keep-alive",
  "Cache-Control": "max-age=0",
  "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24"',
  "sec-ch-ua-mobile": "?0",
  "sec-ch-ua-platform": '"Linux"',
  "Upgrade-Insecure-Requests": "1",
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  Accept: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Sec-Fetch-Site": "none",
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-User": "?1",
  "Sec-Fetch-Dest": "document",
  "Accept-Encoding": "gzip, deflate, br, zstd",
  "Accept-Language": "en-US,en;q=0.9",
  Cookie: "session=0123456789abcdef; theme=dark",
};

const TEXT = "x".repeat(1024);
const PLAIN = { answer: HELLO, type: "text/plain" };

export const SCENARIOS: readonly Scenario[] = [
  { name: "hello", path: "/", ...PLAIN, servers: APPS },
  { name: "browser", path: "/", headers: BROWSER, ...PLAIN, servers: APPS },
  { name: "json", path: "/json", answer: JSON.stringify(USERS), type: "application/json", servers: APPS },
  {
    name: "echo",
    path: "/echo",
    headers: { "Content-Type": "text/plain" },
    body: TEXT,
    answer: TEXT,
    type: "text/plain",
    servers: APPS,
  },
  {
    name: "chunks",
    path: "/chunks",
    answer: CHUNK.toString().repeat(CHUNKS),
    type: "application/octet-stream",
    chunked: true,
    servers: APPS,
  },
  {
    name: "mounts",
    path: "/mount0/",
    ...PLAIN,
    servers: ["tsgi", "tsgi mounts:1", "tsgi mounts:10", "tsgi mounts:1000"],
  },
  { name: "middlewares", path: "/", ...PLAIN, servers: ["tsgi", "tsgi middlewares:10"] },
  ...FRAMEWORKS.flatMap((framework): Scenario[] => [
    {
      name: `${framework}-json`,
      path: "/json",
      answer: JSON.stringify(USERS),
      type: "application/json",
      servers: adaptedOf(framework),
    },
    { name: `${framework}-hello`, path: "/", ...PLAIN, servers: adaptedOf(framework) },
    {
      name: `${framework}-echo`,
      path: "/echo",
      headers: { "Content-Type": "text/plain" },
      body: TEXT,
      answer: TEXT,
      type: "text/plain",
      servers: adaptedOf(framework),
    },
  ]),
  { name: "file-1k", path: "/1k.txt", answer: FILES["1k.txt"], type: "text/plain", servers: STATIC },
  {
    name: "file-304",
    path: "/1k.txt",
    answer: FILES["1k.txt"],
    type: "text/plain",
    revalidates: true,
    // Hono's serveStatic knows no ETag; its middleware of that name makes one.
    servers: STATIC.map((name) => (name === "static/hono" ? "static/hono etag" : name)),
  },
  { name: "file-100k", path: "/100k.txt", answer: FILES["100k.txt"], type: "text/plain", servers: STATIC },
  {
    name: "file-10m",
    path: "/10m.bin",
    answer: FILES["10m.bin"],
    type: "application/octet-stream",
    servers: STATIC,
  },
  { name: "missing", path: "/users/7", ...PLAIN, servers: STATIC },
];
