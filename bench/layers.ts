/**
 * What a middleware adds to a small response, in microseconds of CPU time: `node --import tsx bench/layers.ts [name …]`.
 *
 * Each layer is asked in turn with `hello` alone, in one process and without sockets; of all rounds the least counts, as other work
 * on the machine only adds.
 */

import { join } from "node:path";
import { SignJWT } from "jose";
import { accessLog } from "../middleware/access-log.ts";
import { basicAuth } from "../middleware/basic-auth.ts";
import { bearer } from "../middleware/bearer.ts";
import { bodyLimit } from "../middleware/body-limit.ts";
import { cache } from "../middleware/cache.ts";
import { cors } from "../middleware/cors.ts";
import { csrf } from "../middleware/csrf.ts";
import { favicon } from "../middleware/favicon.ts";
import { ipFilter } from "../middleware/ip-filter.ts";
import { methodOverride } from "../middleware/method-override.ts";
import { metrics } from "../middleware/metrics.ts";
import { rateLimit } from "../middleware/rate-limit.ts";
import { requestId } from "../middleware/request-id.ts";
import { secureHeaders } from "../middleware/secure-headers.ts";
import { memorySessionStore, session, sessionOf } from "../middleware/session.ts";
import { setHeaders } from "../middleware/set-headers.ts";
import { timeout } from "../middleware/timeout.ts";
import { trailingSlash } from "../middleware/trailing-slash.ts";
import { trustedHosts } from "../middleware/trusted-hosts.ts";
import { text } from "../src/apps.ts";
import { environBuilder } from "../src/exchange/environ.ts";
import { Responder } from "../src/exchange/responder.ts";
import type { Sink } from "../src/exchange/sink.ts";
import type { App } from "../src/gateway.ts";
import { stack } from "../src/stack.ts";
import { request } from "../src/testing.ts";
import { FOLDER } from "./temporary-folder.ts";

const ROUNDS = 25;
const REQUESTS = 4000;

const hello = text("hello");
const reading: App = async (environ, startResponse) => {
  const found = await sessionOf(environ);
  return found.get("user") === "ann" ? hello(environ, startResponse) : "";
};
const plainReading: App = async (environ, startResponse) => {
  await undefined;
  return environ.REQUEST_METHOD === "GET" ? hello(environ, startResponse) : "";
};
const writing: App = async (environ, startResponse) => {
  (await sessionOf(environ)).set("user", "ann");
  return hello(environ, startResponse);
};

const secret = new TextEncoder().encode("a secret of 32 bytes, or of more");
const token = await new SignJWT({ sub: "ann" })
  .setProtectedHeader({ alg: "HS256" })
  .setIssuer("https://id.example")
  .setAudience("api")
  .setExpirationTime("1h")
  .sign(secret);
const keys = ["a secret of 32 characters or more"];
const store = memorySessionStore();
const cookieOf = async (app: App): Promise<string> =>
  ((await request(app, "/")).headers.get("set-cookie") ?? "").split(";")[0] ?? "";
const cookies = [
  await cookieOf(session(writing, { keys, name: "sealed" })),
  await cookieOf(session(writing, { store, name: "stored" })),
  "theme=dark",
  "lang=en",
];

const adding: App = (environ, startResponse) =>
  hello(environ, (status, headers, error) => startResponse(status, [...headers, ["X-Powered-By", "tsgi"]], error));
const fresh: App = (_environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return "hello";
};

const ready = new TextEncoder().encode("hello".repeat(2000));
const made: App = (_environ, startResponse) => {
  startResponse("200 OK", [
    ["Content-Type", "text/plain"],
    ["Cache-Control", "public, max-age=600"],
  ]);
  return ready;
};

/** Guards that let a request pass, and layers that add to its headers. */
function tenOfHeaders(app: App): App {
  return stack()
    .use(trustedHosts, { hosts: ["site.example"] })
    .use(ipFilter, { deny: ["198.51.100.0/24"] })
    .use(favicon)
    .use(secureHeaders)
    .use(cors, { origins: ["https://site.example"] })
    .use(csrf)
    .use(rateLimit, { limit: 1_000_000_000, window: 60_000 })
    .use(methodOverride)
    .use(trailingSlash)
    .use(setHeaders, { "X-Own": "1", Server: null })
    .run(app);
}

/** Asked by POST, with the headers of a browser, and of one that sends an `Origin` alone. */
const posted: App = (environ, startResponse) => hello(environ, startResponse);
const postedByOrigin: App = (environ, startResponse) => hello(environ, startResponse);

const LAYERS: Readonly<Record<string, { app: App; base?: App }>> = {
  "a header": { app: adding },
  "cache, a hit": { app: cache(made), base: made },
  "secureHeaders, a list of its own": { app: secureHeaders(fresh), base: fresh },
  "cors, a list of its own": { app: cors(fresh), base: fresh },
  cors: { app: cors(hello) },
  "cors with origins": { app: cors(hello, { origins: ["https://site.example"] }) },
  csrf: { app: csrf(hello) },
  "csrf, a POST": { app: csrf(posted), base: posted },
  "csrf, a POST by its origin": { app: csrf(postedByOrigin), base: postedByOrigin },
  secureHeaders: { app: secureHeaders(hello) },
  "secureHeaders with a nonce": { app: secureHeaders(hello, { nonce: true }) },
  requestId: { app: requestId(hello) },
  "requestId, a list of its own": { app: requestId(fresh), base: fresh },
  metrics: { app: metrics(hello) },
  "accessLog, combined": { app: accessLog(hello, { format: "combined", to: join(FOLDER, "combined.log") }) },
  "accessLog, json": { app: accessLog(hello, { format: "json", to: join(FOLDER, "json.log") }) },
  "ten of headers": { app: tenOfHeaders(hello) },
  "ten of headers, a list of its own": { app: tenOfHeaders(fresh), base: fresh },
  bodyLimit: { app: bodyLimit(hello, { limit: 1024 }) },
  timeout: { app: timeout(hello, { after: 1000 }) },
  rateLimit: { app: rateLimit(hello, { limit: 1_000_000_000, window: 60_000 }) },
  "session, not asked for": { app: session(hello, { keys }) },
  "sealed session, read": { app: session(reading, { keys, name: "sealed" }), base: plainReading },
  "stored session, not asked for": { app: session(hello, { store }) },
  "stored session, read": { app: session(reading, { store, name: "stored" }), base: plainReading },
  basicAuth: { app: basicAuth(hello, { verify: () => true }) },
  "bearer, and a copy of the environ": {
    app: bearer((environ, startResponse) => hello({ ...environ }, startResponse), {
      keys: secret,
      algorithms: ["HS256"],
    }),
  },
  "bearer, remembered": {
    app: bearer(hello, { keys: secret, algorithms: ["HS256"], issuer: "https://id.example", audience: "api" }),
  },
};

/** The headers of a browser. */
const HEADERS = [
  ...["Host", "site.example", "Connection", "keep-alive", "Cache-Control", "max-age=0"],
  ...[
    "sec-ch-ua",
    '"Chromium";v="141", "Not?A_Brand";v="8"',
    "sec-ch-ua-mobile",
    "?0",
    "sec-ch-ua-platform",
    '"Linux"',
  ],
  ...["Upgrade-Insecure-Requests", "1", "User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"],
  ...["Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Origin", "https://site.example"],
  ...["Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"],
  ...["Accept-Encoding", "gzip, deflate, br, zstd", "Accept-Language", "en", "Cookie", cookies.join("; ")],
  ...["Authorization", `Bearer ${token}`],
];

const WITHOUT_SITE = HEADERS.filter((_each, index) => HEADERS[index - (index % 2)] !== "Sec-Fetch-Site");

/** How an app on this one is asked. */
function askedOf(base: App): readonly [method: string, headers: string[]] {
  if (base === posted) return ["POST", HEADERS];
  return base === postedByOrigin ? ["POST", WITHOUT_SITE] : ["GET", HEADERS];
}

class Drain implements Sink {
  readonly closed = false;
  isOver = false;
  onOver: (() => void) | undefined;
  writeHead(): void {}
  flush(): void {}
  write(): void {}
  end(): void {
    this.isOver = true;
    this.onOver?.();
  }
  abort(): void {
    throw new Error("a response was cut");
  }
  onClose(): void {}
}

const build = environBuilder({
  name: "site.example",
  port: "80",
  scheme: "http",
  errors: { write: (line) => process.stderr.write(line) },
});
const peer = { address: "192.0.2.7", port: "50000" };

async function cost(app: App, base: App): Promise<number> {
  const [method, headers] = askedOf(base);
  const start = process.cpuUsage();
  for (let count = 0; count < REQUESTS; count++) {
    const sink = new Drain();
    const exchange = new Responder(sink, {});
    const environ = build(method, "/", "HTTP/1.1", headers, peer, exchange);
    if (environ === undefined) throw new Error("the request was refused");
    exchange.run(app, environ);
    if (!sink.isOver) await new Promise<void>((resolve) => (sink.onOver = resolve));
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / REQUESTS;
}

const names = process.argv.slice(2);
const measured = Object.entries(LAYERS).filter(
  ([name]) => names.length === 0 || names.some((each) => name.startsWith(each)),
);
const least = new Map<App, number>();
for (let round = 0; round < ROUNDS; round++) {
  const asked = new Map(
    measured.flatMap(([, { app, base = hello }]) => [
      [base, base],
      [app, base],
    ]),
  );
  for (const [app, base] of asked) {
    least.set(app, Math.min(least.get(app) ?? Number.POSITIVE_INFINITY, await cost(app, base)));
  }
}
console.log(`Node ${process.version}, hello alone ${least.get(hello)?.toFixed(2) ?? "-"} µs`);
for (const [name, { app, base = hello }] of measured) {
  console.log(
    `${name.padEnd(32)}${((least.get(app) as number) - (least.get(base) as number)).toFixed(2).padStart(6)} µs`,
  );
}
