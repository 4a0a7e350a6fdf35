/** Express and what people use with it: the same behind the gateway, mounted or not, as on its own server. */

import assert from "node:assert/strict";
import { createServer, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import compression from "compression";
import cookieParser from "cookie-parser";
import express, { type NextFunction, type Request, type Response } from "express";
import session from "express-session";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import { notFound } from "../../src/apps.ts";
import { type Server, serve } from "../../src/server/serve.ts";
import { fileTree } from "../middleware/file-tree.ts";

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

interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

function ask(port: number, path: string, { method = "GET", headers = {}, body = "" } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { port, path, method, headers: { Host: "a.b.example.com", ...headers } },
      async (response) => {
        const parts: Buffer[] = [];
        for await (const part of response) parts.push(part as Buffer);
        const { date: _date, ...rest } = response.headers;
        resolve({ status: response.statusCode, headers: rest, body: Buffer.concat(parts).toString("latin1") });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

const native = createServer(site());
let ours: Server;

before(async () => {
  await new Promise<void>((resolve) => native.listen(0, "127.0.0.1", resolve));
  const app = fromNode(site());
  ours = await serve(dispatcher(app, { "/in/it": app, "/none": notFound }), { port: 0, errors: { write() {} } });
});

after(async () => {
  native.closeAllConnections();
  native.close();
  await ours.close({ grace: 0 });
});

/** What is told of where it is: the mount, which only one of the two has, and secrets of the session. */
function withoutPlace({ status, headers, body }: Answer, mount: string): Answer {
  const text = JSON.stringify({ headers, body })
    .replaceAll(mount === "" ? "\0" : mount, "")
    .replace(/sid=[^;]+/g, "sid=…");
  const { headers: plain, body: own } = JSON.parse(text) as Answer;
  if (plain.location !== undefined || status === 404) {
    delete plain["content-length"];
    delete plain.etag;
  }
  // Where a body is there at once, the gateway gives its length.
  if (plain["transfer-encoding"] !== undefined) delete plain["transfer-encoding"];
  return { status, headers: plain, body: own };
}

const JSON_TYPE = { "Content-Type": "application/json" };

for (const [path, options] of [
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
] as [string, { method?: string; headers?: Record<string, string>; body?: string }][]) {
  test(`Express: ${options.method ?? "GET"} ${path} ${JSON.stringify(options.headers ?? {})} is what it is on its own`, async () => {
    const expected = withoutPlace(await ask((native.address() as AddressInfo).port, path, options), "");
    for (const mount of ["", "/in/it"]) {
      assert.deepEqual(withoutPlace(await ask(ours.port, mount + path, options), mount), expected, mount);
    }
  });
}

test("Express: a session goes on", async () => {
  const first = await ask(ours.port, "/in/it/visits");
  const cookie = first.headers["set-cookie"]?.[0]?.split(";")[0] as string;
  assert.equal((await ask(ours.port, "/in/it/visits", { headers: { Cookie: cookie } })).body, "visit 2");
});
