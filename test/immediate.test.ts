import assert from "node:assert/strict";
import { test } from "node:test";
import * as middleware from "../middleware/index.ts";
import { html, text } from "../src/apps.ts";
import type { App } from "../src/gateway.ts";
import { immediate } from "../src/immediate.ts";
import { type RequestOptions, request } from "../src/testing.ts";

test("immediate: what a function gives is given on, a promise is refused", async () => {
  assert.equal(immediate("x", (a: number, b: number) => a + b)(1, 2), 3);
  for (const given of [Promise.resolve(false), Promise.reject(new Error("not awaited"))]) {
    assert.throws(() => immediate("allow of x", () => given)(), {
      code: "TSGI_BAD_OPTION",
      message: /^allow of x has returned a promise/,
    });
  }
});

const page = html(`<head></head><a href="/x">${"x".repeat(2000)}</a>`);
const failed = text("no", { status: "404 Not Found" });
const traced = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
const files = { "/": new URL("../", import.meta.url) };
const file = { url: "/README.md" };

type Callback = () => never;
interface Asked extends RequestOptions {
  url?: string;
}

/** Options that are functions whose results are used at once, and a request for which each is called. */
const CALLBACKS: Record<string, [(callback: Callback) => App, Asked?]> = {
  "requestId trust": [(trust) => middleware.requestId(page, { trust }), { headers: { "X-Request-Id": "a" } }],
  "requestId generate": [(generate) => middleware.requestId(page, { generate })],
  "traceContext trust": [
    (trust) => middleware.traceContext(page, { trust, spans: false }),
    { headers: { Traceparent: traced } },
  ],
  "setHeaders value": [(value) => middleware.setHeaders(page, { "X-A": value })],
  "rateLimit key": [(key) => middleware.rateLimit(page, { limit: 1, window: 1000, key })],
  "compress filter": [(filter) => middleware.compress(page, { filter }), { headers: { "Accept-Encoding": "gzip" } }],
  "errorPages replace": [(replace) => middleware.errorPages(failed, { 404: page }, { replace })],
  "inject head": [(head) => middleware.inject(page, { head })],
  "rewriteLinks map": [(map) => middleware.rewriteLinks(page, { map })],
  "replaceText replacement": [(given) => middleware.transform(page, middleware.replaceText("text/html", "x", given))],
  "mapChunks makeMap": [(makeMap) => middleware.transform(page, middleware.mapChunks("text/html", makeMap))],
  "transform takes": [
    (takes) =>
      middleware.transform(
        middleware.compress(page),
        Object.assign(<T>(response: T) => response, { takes }),
      ),
    { headers: { "Accept-Encoding": "gzip" } },
  ],
  "cors origins": [(origins) => middleware.cors(page, { origins }), { headers: { Origin: "https://a.example" } }],
  "csrf bypass": [
    (bypass) => middleware.csrf(page, { bypass }),
    { method: "POST", headers: { "Sec-Fetch-Site": "cross-site" } },
  ],
  "problemDetails describe": [(describe) => middleware.problemDetails(failed, { describe, always: true })],
  "cache key": [(key) => middleware.cache(page, { key })],
  "metrics allow": [(allow) => middleware.metrics(page, { allow }), { url: "/metrics" }],
  "websocket protocols": [
    (protocols) => middleware.websocket({}, { protocols }),
    {
      headers: {
        Upgrade: "websocket",
        Connection: "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "a",
      },
    },
  ],
  "staticFiles filter": [(filter) => middleware.staticFiles(page, files, { filter }), file],
  "staticFiles headers": [(headers) => middleware.staticFiles(page, files, { headers }), file],
  "staticFiles headersFor": [(headersFor) => middleware.staticFiles(page, files, { headersFor }), file],
  "staticFiles etag": [(etag) => middleware.staticFiles(page, files, { etag }), file],
  "staticFiles immutable": [(immutable) => middleware.staticFiles(page, files, { immutable }), file],
  "staticFiles navigationFallback": [
    (navigationFallback) => middleware.staticFiles(page, files, { navigationFallback }),
    { url: "/missing" },
  ],
  "sendFile headers": [(headers) => middleware.sendFile("README.md", { headers, download: true })],
};

for (const [name, [make, { url = "/", ...asked } = {}]] of Object.entries(CALLBACKS)) {
  test(`${name}: a function that gives a promise fails the request, and does not end the process`, async () => {
    for (const given of [() => Promise.resolve(false), () => Promise.reject(new Error("not awaited"))]) {
      const app = make(given as Callback);
      await assert.rejects(request(app, url, { environ: { SCRIPT_NAME: "/m" }, ...asked }), {
        code: "TSGI_BAD_OPTION",
      });
    }
  });
}
