/** What is measured: a request, and the servers that answer it. */

export interface Scenario {
  readonly name: string;
  readonly path: string;
  /** Options of `wrk`. */
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** How many bytes a right answer has. */
  readonly length: number;
  /** The servers, the first being what the others are measured by. `tsgi mounts:10` is a variant of `tsgi`. */
  readonly servers: readonly string[];
}

const PEERS = ["node", "tsgi", "fastify", "hono", "srvx", "h3", "koa", "express", "polka"];

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

export const SCENARIOS: readonly Scenario[] = [
  { name: "hello", path: "/", length: 13, servers: PEERS },
  { name: "browser", path: "/", headers: BROWSER, length: 13, servers: PEERS },
  { name: "json", path: "/json", length: 1011, servers: PEERS },
  {
    name: "echo",
    path: "/echo",
    headers: { "Content-Type": "text/plain" },
    body: "x".repeat(1024),
    length: 1024,
    servers: PEERS,
  },
  { name: "chunks", path: "/chunks", length: 65_536, servers: PEERS },
  {
    name: "mounts",
    path: "/mount0/",
    length: 13,
    servers: ["tsgi mounts:1", "tsgi mounts:10", "tsgi mounts:1000"],
  },
  { name: "middlewares", path: "/", length: 13, servers: ["tsgi", "tsgi middlewares:10"] },
];
