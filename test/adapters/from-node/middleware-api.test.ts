/** Connect, and middleware that changes responses from inside: the same through the gateway as on Node's own server. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import compression from "compression";
import connect, { type NextFunction } from "connect";
import cookieParser from "cookie-parser";
import session from "express-session";
import serveStatic from "serve-static";
import sirv from "sirv";
import { fromNode } from "../../../src/adapters/from-node.ts";
import { fileTree } from "../../support/file-tree.ts";
import { type Asked, keepsSession, sideBySide } from "../../support/side-by-side.ts";

const files = await fileTree({
  "a.txt": "0123456789",
  "sub/index.html": "<p>sub",
  "large.txt": "text ".repeat(20_000),
});

type Layer = (request: IncomingMessage, response: ServerResponse, next: NextFunction) => unknown;

/** Calls back before the head of a response is written, as libraries that set headers late do. */
function beforeHead(response: ServerResponse, callback: (response: ServerResponse) => void): void {
  const { writeHead } = response;
  let isCalled = false;
  response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    if (!isCalled) {
      isCalled = true;
      this.statusCode = typeof args[0] === "number" ? args[0] : this.statusCode;
      callback(this);
    }
    return (writeHead as (...rest: unknown[]) => ServerResponse).apply(this, args);
  } as typeof response.writeHead;
}

const GZIP: Asked = { headers: { "Accept-Encoding": "gzip" } };
const compressed = compression({ threshold: 0 }) as unknown as Layer;

const cases: [name: string, layers: Layer[], asked?: Asked, rest?: string][] = [
  ["fall-through", [(_request, _response, next) => next()]],
  ["next-error", [(_request, _response, next) => next(Object.assign(new Error("x"), { status: 422 }))]],
  [
    "next-error-headers",
    [
      (_request, _response, next) =>
        next(Object.assign(new Error("x"), { status: 503, headers: { "Retry-After": "5" } })),
    ],
  ],
  [
    "thrown",
    [
      () => {
        throw Object.assign(new Error("x"), { statusCode: 404 });
      },
    ],
  ],
  [
    "error-after-status",
    [
      (_request, response, next) => {
        response.statusCode = 409;
        next(new Error("x"));
      },
    ],
  ],
  [
    "error-after-headers",
    [
      (_request, response, next) => {
        response.setHeader("X-Lost", "1");
        next(new Error("x"));
      },
    ],
  ],
  ["head-of-an-error", [(_request, _response, next) => next(new Error("x"))], { method: "HEAD" }],
  [
    "post-of-an-error",
    [(_request, _response, next) => next(new Error("x"))],
    { method: "POST", body: "x".repeat(100_000) },
  ],
  ["url-seen", [(request, response) => response.end(JSON.stringify([request.url, request.method]))], {}, "/x?y=1"],
  [
    "before-head",
    [
      (_request, response, next) => {
        beforeHead(response, (r) => void r.setHeader("X-Late", String(r.statusCode)));
        next();
      },
      (_request, response) => response.writeHead(203).end("x"),
    ],
  ],
  [
    "before-implicit-head",
    [
      (_request, response, next) => {
        beforeHead(response, (r) => void r.setHeader("X-Late", String(r.statusCode)));
        next();
      },
      (_request, response) => response.end("x"),
    ],
  ],
  [
    "before-head-removed",
    [
      (_request, response, next) => {
        beforeHead(response, (r) => r.removeHeader("X-Early"));
        response.setHeader("X-Early", "1");
        next();
      },
      (_request, response) => response.end("x"),
    ],
  ],
  [
    "gzip-end",
    [compressed, (_request, response) => response.setHeader("Content-Type", "text/plain").end("text ".repeat(100))],
    GZIP,
  ],
  [
    "gzip-writes",
    [
      compressed,
      (_request, response) => {
        response.setHeader("Content-Type", "text/plain");
        response.write("one");
        response.write(Buffer.from("two"));
        response.end();
      },
    ],
    GZIP,
  ],
  [
    "gzip-flush",
    [
      compressed,
      (_request, response) => {
        response.setHeader("Content-Type", "text/plain");
        response.write("one");
        (response as ServerResponse & { flush(): void }).flush();
        setTimeout(() => response.end("two"), 5);
      },
    ],
    GZIP,
  ],
  [
    "gzip-pipe",
    [
      compressed,
      (_request, response) => Readable.from(["one ", "two"]).pipe(response.setHeader("Content-Type", "text/plain")),
    ],
    GZIP,
  ],
  [
    "gzip-head",
    [compressed, (_request, response) => response.setHeader("Content-Type", "text/plain").end("text")],
    { ...GZIP, method: "HEAD" },
  ],
  ["gzip-not", [compressed, (_request, response) => response.setHeader("Content-Type", "image/png").end("png")], GZIP],
  [
    "gzip-no-transform",
    [
      compressed,
      (_request, response) => {
        response.setHeader("Cache-Control", "no-transform");
        response.setHeader("Content-Type", "text/plain");
        response.end("text");
      },
    ],
    GZIP,
  ],
  ["gzip-204", [compressed, (_request, response) => response.writeHead(204).end()], GZIP],
  ["gzip-304", [compressed, (_request, response) => response.writeHead(304, { ETag: '"a"' }).end()], GZIP],
  [
    "gzip-length",
    [
      compressed,
      (_request, response) =>
        response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": "4" }).end("text"),
    ],
    GZIP,
  ],
  [
    "gzip-none-left",
    [compressed, (_request, response) => response.setHeader("Content-Type", "text/plain").end()],
    GZIP,
  ],
  ["static", [serveStatic(files) as Layer], {}, "/a.txt"],
  ["static-range", [serveStatic(files) as Layer], { headers: { Range: "bytes=3-5" } }, "/a.txt"],
  ["static-folder", [serveStatic(files) as Layer], {}, "/sub/"],
  ["static-missing", [serveStatic(files) as Layer], {}, "/none"],
  ["static-gzip", [compressed, serveStatic(files) as Layer], GZIP, "/large.txt"],
  ["sirv", [sirv(files) as Layer], {}, "/a.txt"],
  ["sirv-range", [sirv(files) as Layer], { headers: { Range: "bytes=3-" } }, "/a.txt"],
  ["sirv-missing", [sirv(files) as Layer], {}, "/none"],
  [
    "cookies",
    [
      cookieParser() as unknown as Layer,
      (request, response) => response.end(JSON.stringify((request as IncomingMessage & { cookies?: unknown }).cookies)),
    ],
    { headers: { Cookie: "a=1; b=%20" } },
  ],
  [
    "encrypted",
    [
      (request, response) => {
        Object.assign(request.socket, { encrypted: true });
        response.end(String((request.socket as { encrypted?: boolean }).encrypted));
      },
    ],
  ],
  [
    "no-certificate",
    [
      (request, response) =>
        response.end(typeof (request.socket as { getPeerCertificate?: unknown }).getPeerCertificate),
    ],
  ],
  [
    "socket-calls",
    [
      ({ socket }, response) =>
        response.end(
          JSON.stringify([
            socket.setTimeout(0) === socket,
            socket.setNoDelay() === socket,
            socket.setKeepAlive(true) === socket,
            socket.ref() === socket,
            typeof socket.pipe,
            typeof socket.address(),
            socket.remoteAddress,
            socket.remoteFamily,
            socket.localFamily,
            socket.readyState,
          ]),
        ),
    ],
  ],
  [
    "uncorked",
    [
      (_request, response) => {
        response.cork();
        response.write("a");
        response.write("b");
        response.uncork();
        response.end("c");
      },
    ],
  ],
  ["append-header", [(_request, response) => response.appendHeader("X-A", "1").appendHeader("X-A", ["2", "3"]).end()]],
  [
    "set-headers",
    [
      (_request, response) =>
        response
          .setHeaders(
            new Map([
              ["X-A", "1"],
              ["X-B", "2"],
            ]),
          )
          .end(),
    ],
  ],
  [
    "raw-header-list",
    [
      (_request, response) =>
        response
          .writeHead(200, [
            ["X-A", "1"],
            ["X-A", "2"],
          ] as never)
          .end(),
    ],
  ],
  [
    "session",
    [
      session({ secret: "secret", resave: false, saveUninitialized: true, name: "sid" }) as unknown as Layer,
      (_request, response) => response.writeHead(200, { "X-A": "1" }).end("x"),
    ],
  ],
  [
    "visits",
    [
      session({ secret: "secret", resave: false, saveUninitialized: false, name: "sid" }) as unknown as Layer,
      (request, response) => {
        const data = (request as unknown as { session: { visits?: number } }).session;
        data.visits = (data.visits ?? 0) + 1;
        response.end(`visit ${data.visits}`);
      },
    ],
  ],
];

function site(): connect.Server {
  const app = connect();
  for (const [name, layers] of cases)
    for (const layer of layers) app.use(`/${name}`, layer as connect.NextHandleFunction);
  return app;
}

const ask = sideBySide(
  "Connect",
  site(),
  fromNode(site()),
  cases.map(([name, , asked = {}, rest = ""]) => [`/${name}${rest}`, asked] as const),
);

keepsSession("Connect", ask);
