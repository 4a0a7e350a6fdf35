/** A WebSocket inside of each middleware: it opens, has what the layer adds to its 101, and is refused as any other request is. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SignJWT } from "jose";
import { WebSocket } from "ws";
import { accessLog } from "../../../middleware/access-log.ts";
import { asyncContext, currentEnviron } from "../../../middleware/async-context.ts";
import { basicAuth } from "../../../middleware/basic-auth.ts";
import { bearer } from "../../../middleware/bearer.ts";
import { bodyLimit } from "../../../middleware/body-limit.ts";
import { cache } from "../../../middleware/cache.ts";
import { compress } from "../../../middleware/compress.ts";
import { concurrencyLimit } from "../../../middleware/concurrency-limit.ts";
import { conditional } from "../../../middleware/conditional.ts";
import { cors } from "../../../middleware/cors.ts";
import { csrf } from "../../../middleware/csrf.ts";
import { decompress } from "../../../middleware/decompress.ts";
import { except } from "../../../middleware/except.ts";
import { favicon } from "../../../middleware/favicon.ts";
import { httpsRedirect } from "../../../middleware/https-redirect.ts";
import { inject } from "../../../middleware/inject.ts";
import { ipFilter } from "../../../middleware/ip-filter.ts";
import { maintenance } from "../../../middleware/maintenance.ts";
import { methodOverride } from "../../../middleware/method-override.ts";
import { metrics } from "../../../middleware/metrics.ts";
import { problemDetails } from "../../../middleware/problem-details.ts";
import { proxyFix } from "../../../middleware/proxy-fix.ts";
import { range } from "../../../middleware/range.ts";
import { rateLimit } from "../../../middleware/rate-limit.ts";
import { requestId } from "../../../middleware/request-id.ts";
import { secureHeaders } from "../../../middleware/secure-headers.ts";
import { session, sessionOf } from "../../../middleware/session.ts";
import { setHeaders } from "../../../middleware/set-headers.ts";
import { shed } from "../../../middleware/shed.ts";
import { timeout } from "../../../middleware/timeout.ts";
import { traceContext } from "../../../middleware/trace-context.ts";
import { trailingSlash } from "../../../middleware/trailing-slash.ts";
import { transform } from "../../../middleware/transform.ts";
import { trustedHosts } from "../../../middleware/trusted-hosts.ts";
import { websocket } from "../../../middleware/websocket.ts";
import { when } from "../../../middleware/when.ts";
import type { App, HeaderList } from "../../../src/gateway.ts";
import { getHeader } from "../../../src/http/headers.ts";
import { type WebSocketOptions, webSocket } from "../../../src/testing.ts";
import { inContext } from "../../support/context.ts";
import { allLetIn } from "../../support/guards.ts";
import { eventually, start } from "../../support/raw-client.ts";

const echo = websocket(
  { message: (socket, data) => socket.send(data) },
  { origin: ["https://ann.example", "https://example.com"] },
);
const URL_ = "https://example.com/chat";

interface Case {
  wrap(app: App): App;
  /** What is let in. */
  readonly passes?: WebSocketOptions;
  /** A header that the 101 has. */
  readonly adds?: readonly [name: string, value: RegExp];
  /** What is refused, and how. */
  readonly refused?: { readonly url?: string; readonly options?: WebSocketOptions; readonly status: number };
}

const password = { Authorization: `Basic ${btoa("ann:secret")}` };
const users = { ann: "secret" };
const always = () => true;

const secret = new TextEncoder().encode("a secret of 32 bytes, or of more");
const token = await new SignJWT({ sub: "ann" })
  .setProtectedHeader({ alg: "HS256" })
  .setIssuer("https://id.example")
  .setAudience("chat")
  .setExpirationTime("1h")
  .sign(secret);
const issued = { keys: secret, algorithms: ["HS256"], issuer: "https://id.example", audience: "chat" };

/** Writes down that somebody was there. */
const visited =
  (app: App): App =>
  async (environ, startResponse) => {
    (await sessionOf<{ was: boolean }>(environ)).set("was", true);
    return app(environ, startResponse);
  };

const CASES: Readonly<Record<string, Case>> = {
  basicAuth: {
    wrap: (app) => basicAuth(app, { users }),
    passes: { headers: password },
    adds: ["Cache-Control", /^private$/],
    refused: { status: 401 },
  },
  "basicAuth that takes its time": {
    wrap: (app) => basicAuth(app, { verify: async (name) => name === "ann" }),
    passes: { headers: password },
    refused: { options: { headers: { Authorization: `Basic ${btoa("eve:secret")}` } }, status: 401 },
  },
  bearer: {
    wrap: (app) => bearer(app, issued),
    passes: { headers: { Authorization: `Bearer ${token}` } },
    refused: { options: { headers: { Authorization: `Bearer ${token.slice(0, -2)}xx` } }, status: 401 },
  },
  session: {
    wrap: (app) => session(visited(app), { keys: ["a secret of 32 characters or more"] }),
    adds: ["Set-Cookie", /^__Host-session=/],
  },
  ipFilter: {
    wrap: (app) => ipFilter(app, { allow: ["127.0.0.1"] }),
    refused: { options: { environ: { REMOTE_ADDR: "192.0.2.1" } }, status: 403 },
  },
  trustedHosts: {
    wrap: (app) => trustedHosts(app, { hosts: ["example.com"] }),
    refused: { url: "https://evil.example/chat", status: 421 },
  },
  httpsRedirect: {
    wrap: (app) => httpsRedirect(app),
    adds: ["Strict-Transport-Security", /^max-age=/],
    refused: { url: "http://example.com/chat", status: 308 },
  },
  // The handshake is a GET: the app itself looks at the origin.
  csrf: {
    wrap: (app) => csrf(app),
    passes: { headers: { Origin: "https://example.com", "Sec-Fetch-Site": "same-origin" } },
    refused: { options: { headers: { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" } }, status: 403 },
  },
  cors: {
    wrap: (app) => cors(app, { origins: ["https://example.com"], credentials: true }),
    passes: { headers: { Origin: "https://example.com" } },
    adds: ["Access-Control-Allow-Origin", /^https:\/\/example\.com$/],
    refused: { options: { headers: { Origin: "https://evil.example" } }, status: 403 },
  },
  maintenance: {
    wrap: (app) => maintenance(app, { isOn: ({ REMOTE_ADDR }) => REMOTE_ADDR === "192.0.2.1" }),
    refused: { options: { environ: { REMOTE_ADDR: "192.0.2.1" } }, status: 503 },
  },
  "rateLimit, of one": {
    wrap: (app) => rateLimit(app, { limit: 1, window: 60_000, headers: true }),
    adds: ["RateLimit", /r=0/],
    refused: { status: 429 },
  },
  "when, a guard": {
    wrap: (app) => when(app, always, (inner) => basicAuth(inner, { users })),
    passes: { headers: password },
    refused: { status: 401 },
  },
  "except, a guard": {
    wrap: (app) =>
      except(
        app,
        async () => false,
        (inner) => basicAuth(inner, { users }),
      ),
    passes: { headers: password },
    refused: { status: 401 },
  },
  trailingSlash: { wrap: (app) => trailingSlash(app), refused: { url: `${URL_}/`, status: 308 } },
  secureHeaders: { wrap: (app) => secureHeaders(app, { nonce: true }), adds: ["X-Frame-Options", /^SAMEORIGIN$/] },
  requestId: { wrap: (app) => requestId(app), adds: ["X-Request-Id", /^[\da-f]{32}$/] },
  proxyFix: { wrap: (app) => proxyFix(app, { trust: 1 }) },
  bodyLimit: { wrap: (app) => bodyLimit(app, { limit: 0 }) },
  concurrencyLimit: { wrap: (app) => concurrencyLimit(app, { limit: 1, queue: 0 }) },
  shed: { wrap: (app) => shed(app) },
  asyncContext: { wrap: (app) => asyncContext(app) },
  traceContext: { wrap: (app) => traceContext(app) },
  metrics: { wrap: (app) => metrics(app, { process: false }) },
  setHeaders: { wrap: (app) => setHeaders(app, { A: "1" }) },
  compress: { wrap: (app) => compress(app, { threshold: 0 }), passes: { headers: { "Accept-Encoding": "gzip" } } },
  "cache, conditional and range": { wrap: (app) => range(cache(conditional(app))) },
  decompress: { wrap: (app) => decompress(app) },
  inject: { wrap: (app) => inject(app, { body: "[B]" }) },
  transform: { wrap: (app) => transform(app, async (response) => response) },
  methodOverride: { wrap: (app) => methodOverride(app) },
  favicon: { wrap: (app) => favicon(app) },
  "problemDetails for those who want JSON": {
    wrap: (app) => problemDetails(basicAuth(app, { users })),
    passes: { headers: { ...password, Accept: "application/json" } },
    refused: { options: { headers: { Accept: "application/json" } }, status: 401 },
  },
  "all that guards": { wrap: allLetIn },
  "all that is context": { wrap: inContext },
  "all that guards, twice, around limits": {
    wrap: (app) =>
      allLetIn(timeout(bodyLimit(concurrencyLimit(allLetIn(app), { limit: 1 }), { limit: 0 }), { after: 60_000 })),
  },
};

for (const [name, { wrap, passes, adds, refused }] of Object.entries(CASES)) {
  test(`websocket: in ${name} it opens, and goes on`, async () => {
    const socket = await webSocket(wrap(echo), URL_, passes);
    if (adds !== undefined) assert.match(getHeader(socket.headers as HeaderList, adds[0]) ?? "", adds[1]);
    for (const message of ["one", "two"]) {
      socket.send(message);
      assert.equal(await socket.receive(), message);
    }
    await socket.close();
  });

  if (refused === undefined) continue;
  const { status, url = URL_, options } = refused;

  test(`websocket: in ${name} it is refused with ${status}, and the app does not hear of it`, async () => {
    let opened = 0;
    const app = wrap(websocket({ open: () => void opened++ }));
    // What lets one in refuses the next.
    if (name === "rateLimit, of one") await (await webSocket(app, URL_)).close();
    const before = opened;
    await assert.rejects(webSocket(app, url, options), (error: Error & { code: string }) => {
      assert.equal(error.code, "TSGI_WEBSOCKET_REFUSED");
      assert.equal((error.cause as Response).status, status);
      return true;
    });
    assert.equal(opened, before);
  });
}

test("websocket: timeout is for the handshake alone", async () => {
  const socket = await webSocket(timeout(echo, { after: 10 }), URL_);
  await new Promise((resolve) => setTimeout(resolve, 30));
  socket.send("still there");
  assert.equal(await socket.receive(), "still there");
  await socket.close();
});

test("websocket: an open socket takes no place in concurrencyLimit", async () => {
  const app = concurrencyLimit(echo, { limit: 1, queue: 0 });
  const sockets = [await webSocket(app, URL_), await webSocket(app, URL_)];
  for (const socket of sockets) await socket.close();
});

test("websocket: its handlers get the environ, where asyncContext knows nothing any more", async () => {
  const seen: unknown[] = [];
  const app = asyncContext(
    websocket({
      open: (socket, { PATH_INFO }) => void seen.push(PATH_INFO, socket.environ.PATH_INFO),
      message: (socket) => {
        seen.push(currentEnviron());
        socket.send("seen");
      },
    }),
  );
  const socket = await webSocket(app, "/chat");
  socket.send("look");
  await socket.receive();
  assert.deepEqual(seen, ["/chat", "/chat", undefined]);
  await socket.close();
});

test("websocket: over a socket, through all guards and logs, it is one line with 101, and a refusal one with its status", async (t) => {
  const lines: string[] = [];
  const guarded = secureHeaders(
    cors(
      rateLimit(csrf(compress(bodyLimit(timeout(basicAuth(echo, { users }), { after: 5000 }), { limit: 10 }))), {
        limit: 100,
        window: 60_000,
      }),
    ),
  );
  const app = accessLog(metrics(guarded, { process: false }), {
    to: { write: (text: string) => void lines.push(text) },
    format: ({ status, environ }) => `${status} ${environ?.PATH_INFO}`,
  });
  const { server } = await start(t, app);
  const url = server.url.replace("http", "ws");
  const client = new WebSocket(`${url}/in`, { headers: password });
  t.after(() => client.terminate());
  const answer = new Promise((resolve) => client.on("message", (data) => resolve(String(data))));
  await new Promise((resolve, reject) => client.on("open", resolve).on("error", reject));
  client.send("hello");
  assert.equal(await answer, "hello");
  const refused = new WebSocket(`${url}/out`);
  const error = await new Promise<Error>((resolve) => refused.on("error", resolve));
  assert.match(error.message, /401/);
  await eventually(() => lines.join("").includes("/out") && lines.join("").includes("/in"));
  assert.deepEqual(lines.join("").trim().split("\n").sort(), ["101 /in", "401 /out"]);
});
