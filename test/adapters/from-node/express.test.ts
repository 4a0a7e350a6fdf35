/** Express with its usual plugins: the same through the gateway, mounted or not, as on its own server. */

import { join } from "node:path";
import compression from "compression";
import cookieParser from "cookie-parser";
import express, { type NextFunction, type Request, type Response } from "express";
import session from "express-session";
import { fromNode } from "../../../src/adapters/from-node.ts";
import { fileTree } from "../../support/file-tree.ts";
import { keepsSession, sideBySide } from "../../support/side-by-side.ts";

const files = await fileTree({
  "a.txt": "0123456789",
  "sub/index.html": "<p>sub",
  "large.txt": "text ".repeat(20_000),
});

function site(): express.Express {
  const app = express();
  app.set("env", "test");
  app.set("trust proxy", 1);
  app.use(compression({ threshold: 1000 }));
  app.use(cookieParser("secret"));
  app.use(session({ secret: "secret", resave: false, saveUninitialized: false, name: "sid" }));
  app.use("/static", express.static(files));
  app.use(express.json(), express.urlencoded({ extended: true }), express.text(), express.raw({ type: "image/*" }));
  app.get("/facts", (request, response) => {
    const { method, path, originalUrl, protocol, secure, ip, hostname, query, subdomains, xhr, fresh } = request;
    response.json({
      method,
      path,
      protocol,
      secure,
      ip,
      hostname,
      query,
      subdomains,
      xhr,
      fresh,
      ends: originalUrl.endsWith("/facts?a=b&a=c"),
    });
  });
  app.post("/body", (request, response) => void response.json([typeof request.body, request.body]));
  app.get("/send", (_request, response) => void response.send({ sent: true }));
  app.get("/buffer", (_request, response) => void response.send(Buffer.from("buffer")));
  app.get("/status", (_request, response) => void response.sendStatus(418));
  app.get("/file", (_request, response) => response.sendFile("a.txt", { root: files }));
  app.get("/download", (_request, response) => response.download(join(files, "a.txt"), "ä.txt"));
  app.get("/missing-file", (_request, response) => response.sendFile("none.txt", { root: files }));
  app.get("/redirect", (_request, response) => response.redirect(301, "../elsewhere?x=ä"));
  app.get("/format", (_request, response) => {
    response.format({
      text: () => response.send("text"),
      html: () => response.send("<p>html"),
      json: () => response.send({}),
    });
  });
  app.get("/jsonp", (_request, response) => void response.jsonp({ a: 1 }));
  app.get("/cookies", (request, response) => {
    response.cookie("plain", "1", { httpOnly: true }).cookie("signed", "2", { signed: true }).clearCookie("old");
    response.json([request.cookies, request.signedCookies]);
  });
  app.get("/visits", (request, response) => {
    const data = request.session as { visits?: number };
    data.visits = (data.visits ?? 0) + 1;
    response.send(`visit ${data.visits}`);
  });
  app.get("/headers", (_request, response) => {
    response
      .set("X-A", "1")
      .append("X-A", "2")
      .vary("Accept")
      .type("txt")
      .links({ next: "/n" })
      .attachment("f.txt")
      .send("headers");
  });
  app.get("/large", (_request, response) => void response.type("text").send("text ".repeat(20_000)));
  app.get("/chunks", (_request, response) => {
    response.type("text");
    for (let index = 0; index < 100; index++) response.write(`line ${index}\n`);
    response.end();
  });
  app.get("/wrong", () => {
    throw Object.assign(new Error("wrong"), { status: 422, expose: true });
  });
  app.get("/rejected", () => Promise.reject(new Error("rejected")));
  app.get("/handled", (_request, _response, next) => next(new Error("handled")));
  app.use((error: Error & { status?: number }, _request: Request, response: Response, next: NextFunction) => {
    if (error.message !== "handled") return next(error);
    response.status(500).send("handled");
  });
  return app;
}

const JSON_TYPE = { "Content-Type": "application/json" };

const ask = sideBySide("Express", site(), fromNode(site()), [
  [
    "/facts?a=b&a=c",
    { headers: { "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "X-Requested-With": "XMLHttpRequest" } },
  ],
  ["/body", { method: "POST", headers: JSON_TYPE, body: '{"a":[1]}' }],
  ["/body", { method: "POST", headers: JSON_TYPE, body: "{broken" }],
  ["/body", { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: "a[b]=1&c=d" }],
  ["/body", { method: "POST", headers: { "Content-Type": "text/plain" }, body: "text" }],
  ["/body", { method: "POST", headers: { "Content-Type": "image/png" }, body: "png" }],
  [
    "/body",
    { method: "POST", headers: { "Content-Type": "application/json", "Content-Encoding": "gzip" }, body: "no gzip" },
  ],
  ["/body", { method: "POST", headers: JSON_TYPE, body: `"${"x".repeat(200_000)}"` }],
  ["/send", {}],
  ["/send", { method: "HEAD" }],
  ["/send", { method: "OPTIONS" }],
  ["/send", { method: "DELETE" }],
  ["/buffer", {}],
  ["/status", {}],
  ["/file", {}],
  ["/file", { headers: { Range: "bytes=2-4" } }],
  ["/file", { headers: { "If-Modified-Since": new Date().toUTCString() } }],
  ["/download", {}],
  ["/missing-file", {}],
  ["/redirect", {}],
  ["/format", { headers: { Accept: "text/html" } }],
  ["/format", { headers: { Accept: "image/png" } }],
  ["/jsonp?callback=f", {}],
  ["/cookies", { headers: { Cookie: 'a=1; b=j:{"c":2}; d=s:forged.x' } }],
  ["/visits", {}],
  ["/headers", {}],
  ["/large", { headers: { "Accept-Encoding": "gzip" } }],
  ["/large", { headers: { "Accept-Encoding": "gzip" }, method: "HEAD" }],
  ["/large", {}],
  ["/chunks", {}],
  ["/chunks", { headers: { "Accept-Encoding": "gzip, br" } }],
  ["/wrong", {}],
  ["/rejected", {}],
  ["/handled", {}],
  ["/nothing", {}],
  ["/static/a.txt", {}],
  ["/static/a.txt", { headers: { Range: "bytes=0-0,2-2" } }],
  ["/static/a.txt", { headers: { Range: "bytes=100-" } }],
  ["/static/sub", {}],
  ["/static/sub/", {}],
  ["/static/large.txt", { headers: { "Accept-Encoding": "gzip" } }],
]);

keepsSession("Express", ask);
