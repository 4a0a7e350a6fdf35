/** Koa with its usual plugins: the same through the gateway, mounted or not, as on its own server. */

import { Readable } from "node:stream";
import Router from "@koa/router";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import compress from "koa-compress";
import session from "koa-session";
import serveStatic from "koa-static";
import { fromNode } from "../../../src/adapters/from-node.ts";
import { fileTree } from "../../support/file-tree.ts";
import { keepsSession, sideBySide } from "../../support/side-by-side.ts";

const files = await fileTree({
  "a.txt": "0123456789",
  "sub/index.html": "<p>sub",
  "large.txt": "text ".repeat(20_000),
});

function site(): Koa {
  const app = new Koa({ proxy: true, keys: ["secret"] });
  app.silent = true;
  app.use(compress({ threshold: 1000 }));
  app.use(session({ key: "sid", signed: false }, app));
  app.use(async (context, next) => {
    if (context.path === "/handled") {
      await Promise.reject(new Error("handled")).catch((error: Error) => {
        context.status = 500;
        context.body = error.message;
      });
    } else await next();
    context.set("X-After", String(context.status));
  });
  app.use(bodyParser({ enableTypes: ["json", "form", "text"] }));
  const router = new Router();
  router.get("/facts", (context) => {
    const { method, path, protocol, secure, ip, hostname, query, subdomains, fresh } = context;
    const ends = context.originalUrl.endsWith("/facts?a=b&a=c");
    context.body = { method, path, protocol, secure, ip, hostname, query, subdomains, fresh, ends };
  });
  router.post("/body", (context) => {
    context.body = [context.request.body, context.request.rawBody];
  });
  router.get("/users/:id/*rest", (context) => {
    context.body = { ...context.params };
  });
  router.get("/string", (context) => {
    context.body = "<p>text";
  });
  router.get("/buffer", (context) => {
    context.body = Buffer.from("buffer");
  });
  router.get("/stream", (context) => {
    context.type = "text/plain";
    context.body = Readable.from(["one", "two", "three"]);
  });
  router.get("/web", (context) => {
    context.body = new Response("web", { headers: { "Content-Type": "text/x" } }).body as never;
  });
  router.get("/empty", (context) => {
    context.body = null;
  });
  router.get("/status", (context) => {
    context.status = 418;
  });
  router.get("/redirect", (context) => context.redirect("../elsewhere?x=ä"));
  router.get("/attachment", (context) => {
    context.attachment("a b.txt");
    context.body = "attached";
  });
  router.get("/format", (context) => {
    context.body = context.accepts("html", "json") || context.throw(406);
  });
  router.get("/fresh", (context) => {
    context.status = 200;
    context.etag = "tag";
    if (context.fresh) context.status = 304;
    else context.body = "stale";
  });
  router.get("/cookies", (context) => {
    context.cookies.set("plain", "1", { httpOnly: true });
    context.cookies.set("signed", "2", { signed: true });
    context.body = [context.cookies.get("a"), context.cookies.get("d", { signed: true }) ?? null];
  });
  router.get("/visits", (context) => {
    const data = context.session as { visits?: number };
    data.visits = (data.visits ?? 0) + 1;
    context.body = `visit ${data.visits}`;
  });
  router.get("/large", (context) => {
    context.body = "text ".repeat(20_000);
  });
  router.get("/by-hand", (context) => {
    context.respond = false;
    context.res.writeHead(201, { "X-By": "hand" });
    context.res.end("by hand");
  });
  router.get("/thrown", (context) => context.throw(422, "thrown", { headers: { "X-Why": "because" } }));
  router.get("/wrong", () => {
    throw new Error("wrong");
  });
  app.use(router.routes()).use(router.allowedMethods());
  app.use(serveStatic(files));
  return app;
}

const JSON_TYPE = { "Content-Type": "application/json" };

const ask = sideBySide("Koa", site().callback(), fromNode(site()), [
  ["/facts?a=b&a=c", { headers: { "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https" } }],
  ["/body", { method: "POST", headers: JSON_TYPE, body: '{"a":[1]}' }],
  ["/body", { method: "POST", headers: JSON_TYPE, body: "{broken" }],
  ["/body", { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: "a=1&c=d" }],
  ["/body", { method: "POST", headers: { "Content-Type": "text/plain" }, body: "text" }],
  ["/body", { method: "POST", headers: JSON_TYPE, body: `["${"x".repeat(2_000_000)}"]` }],
  ["/body", { method: "PUT" }],
  ["/body", { method: "OPTIONS" }],
  ["/users/7/a/b%20c", {}],
  ["/string", {}],
  ["/string", { method: "HEAD" }],
  ["/buffer", {}],
  ["/stream", {}],
  ["/web", {}],
  ["/empty", {}],
  ["/status", {}],
  ["/redirect", { headers: { Accept: "text/html" } }],
  ["/attachment", {}],
  ["/format", { headers: { Accept: "application/json" } }],
  ["/format", { headers: { Accept: "image/png" } }],
  ["/fresh", {}],
  ["/fresh", { headers: { "If-None-Match": '"tag"' } }],
  ["/cookies", { headers: { Cookie: "a=1; d=2; d.sig=forged" } }],
  ["/visits", {}],
  ["/large", { headers: { "Accept-Encoding": "gzip" } }],
  ["/large", { headers: { "Accept-Encoding": "br" }, method: "HEAD" }],
  ["/large", {}],
  ["/by-hand", {}],
  ["/thrown", {}],
  ["/wrong", {}],
  ["/handled", {}],
  ["/nothing", {}],
  ["/a.txt", {}],
  ["/a.txt", { method: "HEAD" }],
  ["/sub/", {}],
  ["/large.txt", { headers: { "Accept-Encoding": "gzip" } }],
]);

keepsSession("Koa", ask);
