/** The context of Koa: the same through the gateway as on its own server. */

import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import Koa, { type Context, type Next } from "koa";
import { fromNode } from "../../../src/adapters/from-node.ts";
import { type Asked, sideBySide } from "../../support/side-by-side.ts";

const cases: [name: string, answer: (context: Context, next: Next) => unknown, asked?: Asked, rest?: string][] = [
  ["body-string", (context) => Object.assign(context, { body: "text" })],
  ["body-html", (context) => Object.assign(context, { body: "<b>html</b>" })],
  ["body-json", (context) => Object.assign(context, { body: { a: [1, null] } })],
  ["body-null", (context) => Object.assign(context, { type: "json", body: null })],
  ["body-empty", (context) => Object.assign(context, { body: "" })],
  ["body-buffer-typed", (context) => Object.assign(context, { type: "image/png", body: Buffer.from("png") })],
  ["body-stream-length", (context) => Object.assign(context, { length: 4, body: Readable.from(["ab", "cd"]) })],
  ["body-blob", (context) => Object.assign(context, { body: new Blob(["blob"]) })],
  [
    "body-response",
    (context) => Object.assign(context, { body: new Response("web", { status: 202, headers: { "X-Web": "1" } }) }),
  ],
  ["body-replaced", (context) => Object.assign(context, { body: Readable.from(["old"]) }, { body: "new" })],
  ["status-204", (context) => Object.assign(context, { body: "x", status: 204 })],
  ["status-205", (context) => Object.assign(context, { body: "x", status: 205 })],
  ["status-304", (context) => Object.assign(context, { body: "x", status: 304 })],
  ["status-alone", (context) => Object.assign(context, { status: 420 })],
  ["status-message", (context) => Object.assign(context, { status: 200, message: "Fine Indeed", body: "x" })],
  ["head-stream", (context) => Object.assign(context, { body: Readable.from(["unseen"]) }), { method: "HEAD" }],
  ["head-length", (context) => Object.assign(context, { body: "unseen" }), { method: "HEAD" }],
  [
    "flush",
    async (context) => {
      context.type = "text";
      context.status = 200;
      context.flushHeaders();
      await sleep(5);
      context.body = "flushed";
    },
  ],
  [
    "set-many",
    (context) => {
      context.set({ "X-A": "1", "X-B": ["2", "3"] });
      context.append("X-A", "4");
      context.remove("X-None");
      context.body = context.response.get("X-A");
    },
  ],
  [
    "vary",
    (context) => {
      context.vary("Accept");
      context.vary("Origin");
      context.body = "varied";
    },
  ],
  ["last-modified", (context) => Object.assign(context, { lastModified: new Date(0), etag: "a", body: "x" })],
  ["redirect-back", (context) => context.back("/home"), { headers: { Referrer: "/from" } }],
  [
    "redirect-301",
    (context) => {
      context.status = 301;
      context.redirect("/ü");
      context.body = "moved";
    },
  ],
  [
    "attachment",
    (context) => {
      context.attachment("a b.txt", { type: "inline" });
      context.body = "x";
    },
  ],
  [
    "accepts",
    (context) =>
      Object.assign(context, {
        body: [context.accepts("json", "text"), context.acceptsEncodings("gzip"), context.acceptsLanguages("en")],
      }),
    { headers: { Accept: "text/*", "Accept-Encoding": "gzip;q=0" } },
  ],
  [
    "is",
    (context) =>
      Object.assign(context, {
        body: [
          context.is("json"),
          context.is("urlencoded"),
          context.request.type,
          context.request.charset,
          context.request.length,
        ],
      }),
    { method: "POST", headers: { "Content-Type": "application/json; charset=utf-8" }, body: "{}" },
  ],
  [
    "host",
    (context) =>
      Object.assign(context, {
        body: [context.host, context.hostname, context.protocol, context.secure, context.ips, context.ip],
      }),
    { headers: { "X-Forwarded-Host": "f.example:8", "X-Forwarded-For": "192.0.2.7, 192.0.2.8" } },
  ],
  [
    "query",
    (context) =>
      Object.assign(context, {
        body: [context.querystring, context.search, { ...context.query }, context.method, context.idempotent],
      }),
    {},
    "?a=1&a=2&b=%20",
  ],
  [
    "inspect",
    (context) =>
      Object.assign(context, {
        body: [context.request.toJSON().method, context.response.toJSON().status, context.writable, context.headerSent],
      }),
  ],
  [
    "cookies-set",
    (context) => {
      context.cookies.set("a", "1", { maxAge: 1000, sameSite: "strict", overwrite: true });
      context.cookies.set("gone", null);
      context.body = "set";
    },
  ],
  ["throw-expose", (context) => context.throw(400, "shown")],
  ["throw-hidden", (context) => context.throw(503, "hidden")],
  ["throw-headers", (context) => context.throw(429, "slow down", { headers: { "Retry-After": "9" } })],
  ["throw-enoent", () => Promise.reject(Object.assign(new Error("no file"), { code: "ENOENT" }))],
  ["throw-value", () => Promise.reject("words")],
  ["assert", (context) => context.assert(false, 401, "who?")],
  [
    "respond-false",
    (context) => {
      context.respond = false;
      context.res.writeHead(299, { "X-By": "hand" });
      context.res.end("by hand");
    },
  ],
  [
    "downstream",
    async (context, next) => {
      await next();
      context.set("X-Seen", String(context.status));
      context.body ??= "upstream";
    },
  ],
];

function site(): Koa {
  const app = new Koa({ proxy: true });
  app.silent = true;
  app.use(async (context, next) => {
    const found = cases.find(([name]) => context.path === `/${name}`);
    if (found !== undefined) await found[1](context, next);
  });
  return app;
}

sideBySide(
  "Koa",
  site().callback(),
  fromNode(site()),
  cases.map(([name, , asked = {}, rest = ""]) => [`/${name}${rest}`, asked] as const),
);
