/** What is measured: a request, and the servers that answer it. */

import { CHUNK, CHUNKS, HELLO, USERS } from "./servers/report.js";

export interface Scenario {
  readonly name: string;
  readonly path: string;
  /** Options of `wrk`. */
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** What a right answer has, byte for byte. */
  readonly answer: string;
  /** Its media type, parameters aside. */
  readonly type: string;
  /** Whether it comes in chunks, of a length that nobody told, or with a `Content-Length`. */
  readonly chunked?: boolean;
  /** The servers, the first being what the others are measured by. `tsgi mounts:10` is a variant of `tsgi`. */
  readonly servers: readonly string[];
}

export const PEERS = ["node", "tsgi", "fastify", "hono", "srvx", "h3", "koa", "express", "polka"];

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
  { name: "hello", path: "/", ...PLAIN, servers: PEERS },
  { name: "browser", path: "/", headers: BROWSER, ...PLAIN, servers: PEERS },
  { name: "json", path: "/json", answer: JSON.stringify(USERS), type: "application/json", servers: PEERS },
  {
    name: "echo",
    path: "/echo",
    headers: { "Content-Type": "text/plain" },
    body: TEXT,
    answer: TEXT,
    type: "text/plain",
    servers: PEERS,
  },
  {
    name: "chunks",
    path: "/chunks",
    answer: CHUNK.toString().repeat(CHUNKS),
    type: "application/octet-stream",
    chunked: true,
    servers: PEERS,
  },
  {
    name: "mounts",
    path: "/mount0/",
    ...PLAIN,
    servers: ["tsgi", "tsgi mounts:1", "tsgi mounts:10", "tsgi mounts:1000"],
  },
  { name: "middlewares", path: "/", ...PLAIN, servers: ["tsgi", "tsgi middlewares:10"] },
];
