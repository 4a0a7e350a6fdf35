/** The requests and responses of Express: the same through the gateway as on its own server. */

import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import express, { type NextFunction, type Request, type Response, Router } from "express";
import { fromNode } from "../../../src/adapters/from-node.ts";
import { fileTree } from "../../support/file-tree.ts";
import { type Asked, sideBySide } from "../../support/side-by-side.ts";

const files = await fileTree({ "a b.txt": "spaced", "page.html": "<p>page", ".hidden": "secret", "data.json": "{}" });

type Answer = (request: Request, response: Response, next: NextFunction) => unknown;

/** A route for each case, and what is asked of it. */
const cases: [name: string, answer: Answer, asked?: Asked, rest?: string][] = [
  // Requests.
  [
    "req-accepts",
    (request, response) =>
      response.json([
        request.accepts("json", "html"),
        request.acceptsEncodings(),
        request.acceptsLanguages("de", "en"),
      ]),
    { headers: { Accept: "text/html, application/json;q=0.5", "Accept-Encoding": "br", "Accept-Language": "en" } },
  ],
  [
    "req-accepts-nothing",
    (request, response) => response.json([request.accepts("json"), request.acceptsCharsets("utf-8")]),
  ],
  [
    "req-get",
    (request, response) => response.json([request.get("Referrer"), request.get("x-a"), request.get("missing") ?? null]),
    { headers: { Referer: "http://a/", "X-A": "1" } },
  ],
  [
    "req-is",
    (request, response) => response.json([request.is("json"), request.is("text/*"), request.is("html")]),
    { method: "POST", headers: { "Content-Type": "application/json; charset=utf-8" }, body: "{}" },
  ],
  [
    "req-range",
    (request, response) => response.json(request.range(100) ?? null),
    { headers: { Range: "bytes=0-49,80-" } },
  ],
  ["req-query", (request, response) => response.json(request.query), {}, "?a=1&b=x%20y&c"],
  ["req-params", (request, response) => response.json(request.params), {}, "/a%2Fb/c%20d"],
  [
    "req-protocol",
    (request, response) => response.json([request.protocol, request.secure]),
    { headers: { "X-Forwarded-Proto": "https, http" } },
  ],
  [
    "req-ips",
    (request, response) => response.json(request.ips),
    { headers: { "X-Forwarded-For": "192.0.2.1, 192.0.2.2" } },
  ],
  [
    "req-host",
    (request, response) => response.json([request.host, request.hostname]),
    { headers: { "X-Forwarded-Host": "f.example:3" } },
  ],
  [
    "req-fresh",
    (request, response) => response.set("ETag", '"a"').json([request.fresh, request.stale]),
    { headers: { "If-None-Match": '"a"', "Cache-Control": "no-cache" } },
  ],
  ["req-xhr", (request, response) => response.json(request.xhr), { headers: { "X-Requested-With": "xmlhttprequest" } }],
  [
    "req-stream",
    async (request, response) => {
      let length = 0;
      for await (const chunk of request) length += chunk.length;
      response.json([length, request.complete, request.readableEnded]);
    },
    { method: "PUT", body: "x".repeat(200_000) },
  ],
  ["req-pipe", (request, response) => request.pipe(response), { method: "POST", body: "there and back" }],
  [
    "req-headers",
    ({ headers, rawHeaders, headersDistinct }, response) =>
      response.json([headers["x-many"], rawHeaders.includes("X-Many"), headersDistinct["x-many"], headers.cookie]),
    { headers: { "X-Many": "1, 2", Cookie: "a=1; b=2" } },
  ],
  // Responses.
  [
    "res-append",
    (_request, response) =>
      response.append("Link", ["</a>", "</b>"]).append("Set-Cookie", "a=1").append("Set-Cookie", "b=2").end(),
  ],
  ["res-attachment", (_request, response) => response.attachment("ä ö.pdf").send("pdf")],
  [
    "res-cookie",
    (_request, response) => response.cookie("a", { b: 1 }, { maxAge: 1000_000, path: "/", sameSite: "lax" }).end(),
    { method: "HEAD" },
  ],
  ["res-download", (_request, response) => response.download(join(files, "a b.txt")), {}],
  ["res-end", (_request, response) => response.end("0a0b", "hex")],
  [
    "res-format-default",
    (_request, response) => response.format({ json: () => response.json({}), default: () => response.send("default") }),
    { headers: { Accept: "image/*" } },
  ],
  ["res-header-sent", (_request, response) => response.json([response.headersSent, response.get("X-Powered-By")])],
  ["res-json-charset", (_request, response) => response.type("application/vnd.a+json").json({ a: "ü\u2028" })],
  ["res-json-null", (_request, response) => response.json(null)],
  ["res-json-status", (_request, response) => response.status(201).json({ made: true })],
  ["res-jsonp", (_request, response) => response.jsonp({ a: "\u2028<" }), {}, "?callback=a.b[0]"],
  ["res-links", (_request, response) => response.links({ next: "/2", last: "/9" }).end()],
  ["res-location", (_request, response) => response.location("http://a/ü?q=a b").end()],
  [
    "res-redirect",
    (_request, response) => response.redirect(307, "https://a.example/x"),
    { headers: { Accept: "text/html" } },
  ],
  ["res-redirect-text", (_request, response) => response.redirect("/login"), { headers: { Accept: "text/plain" } }],
  ["res-send-buffer", (_request, response) => response.type("png").send(Buffer.from([1, 2, 255]))],
  ["res-send-empty", (_request, response) => response.send()],
  ["res-send-204", (_request, response) => response.status(204).send("dropped")],
  ["res-send-205", (_request, response) => response.status(205).send("dropped")],
  ["res-send-304", (_request, response) => response.status(304).send("dropped")],
  ["res-send-boolean", (_request, response) => response.send(true)],
  [
    "res-send-etag",
    (_request, response) => response.set("ETag", '"mine"').send("tagged"),
    { headers: { "If-None-Match": '"mine"' } },
  ],
  ["res-send-head", (_request, response) => response.send("not sent"), { method: "HEAD" }],
  ["res-send-latin1", (_request, response) => response.set("Content-Type", "text/plain; charset=latin1").send("ä")],
  ["res-send-large", (_request, response) => response.send("x".repeat(300_000))],
  [
    "res-sendfile",
    (_request, response) => response.sendFile("page.html", { root: files, maxAge: "1d", headers: { "X-A": "1" } }),
  ],
  ["res-sendfile-hidden", (_request, response) => response.sendFile(".hidden", { root: files })],
  ["res-sendfile-above", (_request, response) => response.sendFile("../above", { root: files })],
  [
    "res-sendfile-range",
    (_request, response) => response.sendFile("a b.txt", { root: files }),
    { headers: { Range: "bytes=-3" } },
  ],
  [
    "res-sendfile-bad-range",
    (_request, response) => response.sendFile("a b.txt", { root: files }),
    { headers: { Range: "bytes=99-" } },
  ],
  [
    "res-sendfile-if-match",
    (_request, response) => response.sendFile("data.json", { root: files }),
    { headers: { "If-Match": '"other"' } },
  ],
  [
    "res-sendfile-callback",
    (_request, response) =>
      response.sendFile("missing", { root: files }, (error) =>
        response.status(410).send((error as { code?: string }).code),
      ),
  ],
  ["res-sendstatus", (_request, response) => response.sendStatus(413)],
  ["res-sendstatus-unknown", (_request, response) => response.sendStatus(499)],
  ["res-set", (_request, response) => response.set({ "X-A": "1", "X-B": ["2", "3"], "X-Number": 4 } as never).end()],
  ["res-status-message", (_request, response) => Object.assign(response, { statusMessage: "Very Fine" }).end("fine")],
  ["res-status-599", (_request, response) => response.status(599).send("odd")],
  ["res-status-invalid", (_request, response) => response.status(1000).send("never")],
  ["res-type", (_request, response) => response.type(".html").send("<p>")],
  ["res-vary", (_request, response) => response.vary("Accept").vary("Accept, Origin").end()],
  [
    "res-write-head",
    (_request, response) => response.set("X-A", "1").writeHead(202, "Taken", { "X-B": "2" }).end("raw"),
  ],
  ["res-remove-header", (_request, response) => response.removeHeader("X-Powered-By") ?? response.send("bare")],
  ["res-stream", (_request, response) => Readable.from(["one ", "two"]).pipe(response.type("text"))],
  [
    "res-slow-stream",
    async (_request, response) => {
      response.type("text").flushHeaders();
      for (const part of ["a", "b", "c"]) {
        await sleep(5);
        response.write(part);
      }
      response.end();
    },
  ],
  // Errors and the way through the layers.
  [
    "next-error",
    (_request, _response, next) =>
      next(Object.assign(new Error("teapot"), { status: 418, headers: { "X-Why": "tea" } })),
  ],
  ["next-error-string", (_request, _response, next) => next("words")],
  ["next-route", (_request, _response, next) => next("route")],
  ["throw-404", () => Promise.reject(Object.assign(new Error("gone"), { statusCode: 404 }))],
  ["throw-bad-header", (_request, response) => response.set("X-Bad", "a\nb").send("never")],
  ["throw-bad-head", (_request, response) => response.writeHead(200, { "bad name": "x" })],
];

function site(): express.Express {
  const app = express().set("env", "test").set("trust proxy", true);
  for (const [name, answer] of cases) {
    const router = Router({ mergeParams: true });
    router.all("{/:one}{/:two}", answer as never);
    app.use(`/${name}`, router);
  }
  app.use((error: { status?: number }, _request: Request, response: Response, next: NextFunction) => {
    if (error.status === 418) response.status(418).send("handled");
    else next(error);
  });
  return app;
}

sideBySide(
  "Express",
  site(),
  fromNode(site()),
  cases.map(([name, , asked = {}, rest = ""]) => [`/${name}${rest}`, asked] as const),
);
