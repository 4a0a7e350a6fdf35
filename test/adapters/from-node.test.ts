import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { cascade } from "../../middleware/cascade.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { fromNode, type NodeHandler } from "../../src/adapters/from-node.ts";
import { toNode } from "../../src/adapters/to-node.ts";
import { notFound, text } from "../../src/apps.ts";
import { TsgiError } from "../../src/errors.ts";
import type { App } from "../../src/gateway.ts";
import { serve } from "../../src/server/serve.ts";
import { request } from "../../src/testing.ts";
import { both, GET, type Handler, type Told } from "../support/both.ts";
import { fileTree } from "../support/file-tree.ts";
import { eventually, start } from "../support/raw-client.ts";
import { root } from "../support/session.ts";

const HEADERS = { "Content-Length": "2", "X-A": ["1", "2"], "Set-Cookie": ["a=1", "b=2"] };
const POST = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Trailer: t\r\n\r\n`;

for (const [what, handler, sent] of [
  ["end with text", (_request, response) => response.setHeader("Content-Length", 2).end("hi")],
  ["writeHead with an object", (_request, response) => response.writeHead(201, HEADERS).end("hi")],
  ["writeHead with a reason", (_request, response) => response.writeHead(200, "Fine", { "Content-Length": 0 }).end()],
  [
    "writeHead with a list",
    (_request, response) => response.writeHead(200, ["X-A", "1", "X-A", "2", "Content-Length", "0"]).end(),
  ],
  [
    "writeHead after setHeader",
    (_request, response) => {
      response.setHeader("x-a", "replaced");
      response.setHeader("X-B", ["3", "4"]);
      response.writeHead(200, { "X-A": "1", "Content-Length": 0 }).end();
    },
  ],
  [
    "chunks",
    (_request, response) => {
      response.write("a");
      response.write(Buffer.from("b"));
      response.end("c");
    },
  ],
  [
    "encodings",
    (_request, response) => {
      response.writeHead(200, { "Content-Length": 9 });
      response.write("\xe4", "latin1");
      response.write("6869", "hex");
      response.write("aGk=", "base64");
      response.write("ä", "utf8");
      response.end("\xfc\xfc", "latin1");
    },
  ],
  ["a status without a body", (_request, response) => response.writeHead(204).end()],
  ["a 304", (_request, response) => response.writeHead(304, { ETag: '"a"' }).end("ignored")],
  ["HEAD", (_request, response) => response.setHeader("Content-Length", 2).end("hi"), GET.replace("GET", "HEAD")],
  [
    "a head that is flushed",
    async (_request, response) => {
      response.flushHeaders();
      await sleep(5);
      response.end("late");
    },
  ],
  [
    "trailers, which are dropped or sent",
    (_request, response) => void response.writeHead(200, { "Content-Length": 0 }).end(),
  ],
  [
    "early hints",
    async (_request, response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      await sleep(5);
      response.setHeader("Content-Length", 0).end();
    },
  ],
  [
    "what is known of a response before and after",
    (_request, response, told) => {
      const state = () => [response.headersSent, response.writableEnded, response.finished, response.destroyed];
      told(state());
      response.writeHead(200, { "Content-Length": 0 });
      told(state(), response.statusCode, response.statusMessage);
      for (const wrong of [() => response.setHeader("a", "b"), () => response.writeHead(200)]) {
        try {
          wrong();
        } catch (error) {
          told((error as { code?: string }).code);
        }
      }
      response.end(() => told("ended", state()));
      told(state());
      response.on("finish", () => told("finish", state(), response.writableFinished));
      response.on("close", () => told("close", state()));
    },
  ],
  [
    "write after end",
    (_request, response, told) => {
      response.on("error", (error) => told((error as { code?: string }).code));
      response.setHeader("Content-Length", 0).end();
      told(response.write("more", (error) => told((error as { code?: string } | undefined)?.code)));
    },
  ],
  [
    "callbacks of writes",
    (_request, response, told) => {
      response.write("a", () => told("first"));
      response.end("b", () => told("last"));
    },
  ],
  [
    "a chunk that is none",
    (_request, response, told) => {
      try {
        response.end(5 as unknown as string);
      } catch (error) {
        told((error as { code?: string }).code, response.writableEnded);
        response.end("after");
      }
    },
  ],
  [
    "a request",
    (request, response, told) => {
      const { method, url, headers, httpVersion, httpVersionMajor, httpVersionMinor } = request;
      told(method, url, headers, httpVersion, httpVersionMajor, httpVersionMinor);
      told(request.headersDistinct.host, request.socket.remoteAddress, request.connection === request.socket);
      told(
        (request.socket as { encrypted?: boolean }).encrypted,
        response.req === request,
        response.socket === request.socket,
      );
      response.setHeader("Content-Length", 0).end();
    },
  ],
  [
    "a request that is over",
    (request, response, told) => {
      request.on("end", () => told("end"));
      request.on("close", () => told("close", request.destroyed, request.readableEnded, request.aborted));
      response.setHeader("Content-Length", 0).end();
    },
  ],
  ...(
    [
      [
        "by events",
        (request, done) => {
          let body = "";
          request
            .setEncoding("utf8")
            .on("data", (chunk) => (body += chunk))
            .on("end", () => done(body, request.complete));
        },
      ],
      [
        "by for await",
        async (request, done) => {
          let body = "";
          for await (const chunk of request) body += chunk;
          done(body, request.trailers);
        },
      ],
      [
        "by readable",
        (request, done) => {
          let body = "";
          request.on("readable", () => {
            for (let chunk = request.read(); chunk !== null; chunk = request.read()) body += chunk;
          });
          request.on("end", () => done(body));
        },
      ],
      [
        "late",
        async (request, done) => {
          await sleep(20);
          let body = "";
          for await (const chunk of request) body += chunk;
          done(body);
        },
      ],
    ] as [string, (request: IncomingMessage, done: Told) => unknown][]
  ).flatMap(([how, read]) =>
    [GET, POST, CHUNKED].map(
      (sent) =>
        [
          `${sent.split(" ")[0]}${sent === CHUNKED ? " in chunks" : ""} read ${how}`,
          (request: IncomingMessage, response: ServerResponse, told: Told) =>
            read(request, (...what) => {
              told(...what);
              response.setHeader("Content-Length", 0).end();
            }),
          sent,
        ] as [string, Handler, string],
    ),
  ),
  ["a pipe there and back", (request, response) => void pipeline(request, response), CHUNKED],
  ["a body that is not read", (_request, response) => response.setHeader("Content-Length", 2).end("hi"), POST],
] as [string, Handler, string?][]) {
  test(`fromNode: ${what} is what it is on a plain Node server`, async (t) => {
    const [plain, ours] = await both(t, handler, sent);
    assert.deepEqual(ours, plain);
  });
}

// What a plain Node server does otherwise: its process ends.

test("fromNode: an error that is thrown, or comes with a promise, is the app's", async () => {
  const error = new Error("mine");
  await assert.rejects(
    request(
      fromNode(() => Promise.reject(error)),
      "/",
    ),
    error,
  );
  await assert.rejects(
    request(
      fromNode(() => {
        throw error;
      }),
      "/",
    ),
    error,
  );
  await assert.rejects(
    request(
      fromNode((_request, _response, next) => next?.(error), { fallback: notFound }),
      "/",
    ),
    error,
  );
});

test("fromNode: a response that is destroyed never looks whole", async (t) => {
  const { log, connect: open } = await start(
    t,
    fromNode((_request, response) => {
      response.writeHead(200, { "Content-Length": 100 });
      response.write("part");
      setTimeout(() => response.destroy(), 5);
    }),
  );
  const answer = await (await open()).get("/").all();
  assert.match(answer, /^HTTP\/1\.1 200 OK[\s\S]*part$/);
  assert.match(log.join(""), /TSGI_RESPONSE_DESTROYED|destroyed its response/);
});

test("fromNode: an error after the answer is reported once", async (t) => {
  for (const fail of [
    async () => {
      throw new Error("too late");
    },
    () => {
      throw new Error("too late");
    },
  ]) {
    const { log, connect } = await start(
      t,
      fromNode((_request, response) => {
        response.end("done");
        return fail();
      }),
    );
    assert.match(await (await connect()).get("/").until("done"), /^HTTP\/1\.1 200 OK\r\n/);
    await eventually(() => log.length > 0);
    assert.equal(log.length, 1);
    assert.match(log[0] as string, /^GET \/: Error: too late\n/);
  }
});

test("fromNode: a 204 has no Content-Length, whatever the handler says", async () => {
  const app = fromNode((_request, response) => response.writeHead(204, { "Content-Length": "0", "X-A": "1" }).end());
  const response = await request(app, "/");
  assert.deepEqual([response.status, [...response.headers]], [204, [["x-a", "1"]]]);
});

test("fromNode: what Node itself throws at a handler reaches it, what the gateway refuses is the app's error", async () => {
  const told: unknown[] = [];
  const app = fromNode(async (incoming, response) => {
    const head = JSON.parse(decodeURIComponent(incoming.url?.slice(1) as string)) as [number, ...never[]];
    try {
      response.writeHead(...head).end("sent");
      told.push("taken");
    } catch (error) {
      told.push((error as { code: string }).code);
      response.writeHead(500, "Mine", { "X-Page": "mine" }).end();
    }
  });
  const outcomes: unknown[] = [];
  for (const head of [
    [200, { "bad name": "x" }],
    [200, { "X-A": "a\nb" }],
    [200, { "X-A": "\u4e00" }],
    [1000],
    [200, "bad\nreason"],
    [200, { "Content-Length": "abc" }],
    [199],
    [600],
  ]) {
    const outcome = request(app, `/${encodeURIComponent(JSON.stringify(head))}`, { lint: false });
    outcomes.push(
      await outcome.then(
        (response) => response.headers.get("X-Page"),
        (error) => error.code,
      ),
    );
  }
  assert.deepEqual(told, [
    "ERR_INVALID_HTTP_TOKEN",
    "ERR_INVALID_CHAR",
    "ERR_INVALID_CHAR",
    "ERR_HTTP_INVALID_STATUS_CODE",
    "ERR_INVALID_CHAR",
    "taken",
    "taken",
    "taken",
  ]);
  assert.deepEqual(outcomes, [
    "mine",
    "mine",
    "mine",
    "mine",
    "mine",
    "TSGI_BAD_HEADER",
    "TSGI_BAD_STATUS",
    "TSGI_BAD_STATUS",
  ]);
});

test("fromNode: early hints that the gateway refuses are reported, and the response goes on", async (t) => {
  const { log, connect } = await start(
    t,
    fromNode((_request, response) => {
      setTimeout(() => {
        response.writeEarlyHints({ link: "</a.css>; rel=preload", "content-length": "x" });
        response.end("x");
      }, 1);
    }),
  );
  assert.match(await (await connect()).get("/").until("\r\n\r\nx"), /^HTTP\/1\.1 200 OK\r\n/);
  assert.equal(log.length, 1);
  assert.match(log[0] as string, /^GET \/: TsgiError: Content-Length "x" is malformed/);
});

test("fromNode: a body longer than its length is cut there and reported once", async (t) => {
  for (const delay of [undefined, 1]) {
    const { log, connect } = await start(
      t,
      fromNode((_request, response) => {
        const answer = () => {
          response.writeHead(200, { "Content-Length": 2 });
          for (const part of ["a", "bc", "d", "e"]) response.write(part);
          response.end();
        };
        if (delay === undefined) answer();
        else setTimeout(answer, delay);
      }),
    );
    assert.match(await (await connect()).get("/", "Connection: close").all(), /\r\n\r\nab$/);
    assert.equal(log.length, 1);
    assert.match(log[0] as string, /longer than its Content-Length/);
  }
});

test("fromNode: bytes that are written to the socket before the head are an error, not a request that hangs", async () => {
  for (const write of [
    (incoming) => incoming.socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
    (incoming) => incoming.socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
  ] satisfies NodeHandler[]) {
    await assert.rejects(request(fromNode(write), "/"), { code: "TSGI_RAW_WRITE" });
  }
  const ended = fromNode((incoming) => incoming.socket.end());
  await assert.rejects(request(ended, "/"), { code: "TSGI_RESPONSE_DESTROYED" });
});

test("fromNode: the socket counts the body, and knows where it is", async () => {
  const told: unknown[] = [];
  const app = fromNode(({ socket }, response) => {
    const { localAddress, localPort, encrypted } = socket as typeof socket & { encrypted?: boolean };
    told.push(localAddress, localPort, encrypted, (socket as { authorized?: boolean }).authorized);
    response.write("ä");
    told.push(socket.bytesWritten);
    response.end("b");
    told.push(socket.bytesWritten);
  });
  await (await request(app, "https://a/", { environ: { SERVER_NAME: "192.0.2.1" } })).text();
  assert.deepEqual(told, ["192.0.2.1", 443, true, false, 2, 3]);
});

test("fromNode: the socket knows its server, and a handler hears of its close", async () => {
  const told: string[] = [];
  const app = fromNode((incoming, response) => {
    const { server } = incoming.socket as unknown as { server: Server };
    server.once("close", () => told.push(incoming.url as string));
    response.end("x");
  });
  const ours = await serve(app, { port: 0 });
  const host = createServer(toNode(app));
  await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
  await (await fetch(`${ours.url}/serve`)).text();
  await (await fetch(`http://127.0.0.1:${(host.address() as AddressInfo).port}/toNode`)).text();
  await ours.close({ grace: 0 });
  host.closeAllConnections();
  await new Promise((resolve) => host.close(resolve));
  assert.deepEqual(told, ["/serve", "/toNode"]);
});

test("fromNode: a generator around a large file of Express gives all of it, within other layers too", async () => {
  const folder = await fileTree({ "large.txt": "0123456789".repeat(100_000) });
  const app = fromNode(express().use((_request, response) => response.sendFile("large.txt", { root: folder })));
  const around: App = async function* around(environ, startResponse) {
    const body = await app(environ, startResponse);
    if (body) yield* typeof body === "string" || body instanceof Uint8Array ? [body] : body;
  };
  const shouting = transform(
    around,
    mapText("text/plain", (part) => part.replaceAll("9", "!")),
  );
  for (const [layered, last] of [
    [around, "9"],
    [transform(around, (response) => response), "9"],
    [cascade([notFound, around]), "9"],
    [shouting, "!"],
  ] as const) {
    const body = await (await request(layered, "/")).text();
    assert.deepEqual([body.length, body.at(-1)], [1_000_000, last]);
  }
});

test("fromNode: a response that Express cuts does not look whole over HTTP/2", async (t) => {
  const app = express()
    .set("env", "test")
    .use((_request, response, next) => {
      response.write("part");
      setTimeout(() => next(new Error("mine")), 5);
    });
  const host = createHttp2Server(toNode(fromNode(app), { errors: { write() {} } }) as never);
  await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
  const session = connectHttp2(`http://127.0.0.1:${(host.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    host.close();
  });
  const stream = session.request({ ":path": "/" });
  let body = "";
  const end = new Promise((resolve) =>
    stream.on("end", () => resolve("end")).on("error", ({ code }: { code?: string }) => resolve(code)),
  );
  stream.on("data", (part) => {
    body += part;
  });
  assert.deepEqual([await end, body], ["ERR_HTTP2_STREAM_ERROR", "part"]);
});

test("fromNode: a handler may say that its connection is encrypted", async () => {
  const app = fromNode(({ socket }, response) => {
    const { encrypted } = Object.assign(socket, { encrypted: true }) as { encrypted?: boolean };
    response.end(`${encrypted} ${typeof (socket as { getPeerCertificate?: unknown }).getPeerCertificate}`);
  });
  assert.equal(await (await request(app, "/")).text(), "true function");
});

test("fromNode: next() goes to the fallback, else it is 404; whole apps answer for themselves", async () => {
  const passing: NodeHandler = (_request, _response, next) => next?.();
  assert.equal((await request(fromNode(passing), "/")).status, 404);
  assert.equal(await (await request(fromNode(passing, { fallback: text("fallback") }), "/")).text(), "fallback");
  const whole = Object.assign(
    (_request: IncomingMessage, response: ServerResponse, next?: unknown) => response.end(typeof next),
    { listen() {} },
  );
  assert.equal(await (await request(fromNode(whole), "/")).text(), "undefined");
  assert.equal(await (await request(fromNode(whole, { fallback: notFound }), "/")).text(), "function");
});

test("fromNode: below a mount the handler sees its own path, and knows the mount", async () => {
  const app = fromNode((incoming, response) => {
    const { url, originalUrl, baseUrl } = incoming as IncomingMessage & { originalUrl?: string; baseUrl?: string };
    response.end(JSON.stringify([url, originalUrl, baseUrl]));
  });
  const site = dispatcher(app, { "/a": app, "/a/b": app });
  for (const [path, expected] of [
    ["/", ["/", null, null]],
    ["/a", ["/", "/a", "/a"]],
    ["/a/?q", ["/?q", "/a/?q", "/a"]],
    ["/a/b/c%2Fd?q=1", ["/c%2Fd?q=1", "/a/b/c%2Fd?q=1", "/a/b"]],
  ] as const) {
    assert.deepEqual(JSON.parse(await (await request(site, path)).text()), expected);
  }
});

test("fromNode: what is around it sees what it writes, chunk by chunk", async () => {
  const app = fromNode(async (_request, response) => {
    response.setHeader("Content-Type", "text/plain");
    response.write("one ");
    await sleep(5);
    response.write("two ");
    response.end("three");
  });
  const shouting = transform(
    app,
    mapText("text/plain", (body) => body.toUpperCase()),
  );
  assert.equal(await (await request(shouting, "/")).text(), "ONE TWO THREE");
});

test("fromNode: headers that were changed on the way in are what the handler sees", async () => {
  const inner = fromNode((incoming, response) =>
    response.end(`${incoming.headers.authorization} ${incoming.socket.remoteAddress}`),
  );
  const outer: App = (environ, startResponse) =>
    inner({ ...environ, HTTP_AUTHORIZATION: undefined, REMOTE_ADDR: "192.0.2.1" }, startResponse);
  const response = await request(outer, "/", { headers: { Authorization: "Basic x" } });
  assert.equal(await response.text(), "undefined 192.0.2.1");
});

test("fromNode: a writer waits for a client that reads slowly, and is told when there is room", async (t) => {
  const told: string[] = [];
  const { connect: open } = await start(
    t,
    fromNode((_request, response) => {
      let left = 64;
      const chunk = Buffer.alloc(1024 * 1024, "x");
      const go = () => {
        while (left > 0) {
          left--;
          if (!response.write(chunk)) {
            told.push("full");
            assert.ok(response.writableNeedDrain);
            response.once("drain", () => {
              told.push("drain");
              assert.ok(!response.writableNeedDrain);
              go();
            });
            return;
          }
        }
        response.end();
      };
      go();
    }),
  );
  const client = await open();
  client.get("/", "Connection: close");
  await sleep(100);
  assert.ok(told.length < 128, "it wrote on");
  const answer = await client.all();
  assert.ok(answer.length > 64 * 1024 * 1024);
  assert.deepEqual(told.slice(0, 2), ["full", "drain"]);
});

test("fromNode: a client that leaves ends the request and the response", async (t) => {
  const told: unknown[] = [];
  let isOver: () => void;
  const over = new Promise<void>((resolve) => {
    isOver = resolve;
  });
  const { log, connect: open } = await start(
    t,
    fromNode((incoming, response) => {
      incoming.on("aborted", () => told.push("request aborted")).on("close", () => told.push("request close"));
      response
        .on("finish", () => told.push("finish"))
        .on("close", () => {
          told.push(["response close", response.destroyed, response.writableFinished, response.write("more")]);
          isOver();
        });
      response.write("first");
    }),
  );
  const client = await open();
  client.get("/");
  await client.until("first");
  client.socket.destroy();
  await over;
  await sleep(10);
  assert.deepEqual(
    told.toSorted(),
    ["request aborted", "request close", ["response close", true, false, false]].toSorted(),
  );
  assert.deepEqual(log, []);
});

test("fromNode: a body that was read before rejects", async () => {
  const app: App = async (environ, startResponse) => {
    for await (const _chunk of environ["tsgi.input"]);
    return fromNode(async (incoming, response) => {
      let length = 0;
      for await (const chunk of incoming) length += chunk.length;
      response.end(`${length}`);
    })(environ, startResponse);
  };
  const outcome = await request(app, "/", { method: "POST", body: "hello", lint: false }).then(
    (response) => response.text(),
    (error) => error.code,
  );
  assert.equal(outcome, "TSGI_BODY_READ");
});

/** An app inside a layer whose input fails. */
function withFailingInput(app: App): App {
  return (environ, startResponse) => {
    const input = (async function* () {
      yield Buffer.from("part");
      throw new TsgiError("TSGI_BODY_TOO_LARGE", "too large", { status: "413 Content Too Large" });
    })();
    return app({ ...environ, "tsgi.input": input }, startResponse);
  };
}

test("fromNode: a handler that listens for the error of its request answers it", async () => {
  const app = fromNode((incoming, response) => {
    incoming.on("error", (error: Error & { code?: string }) => response.writeHead(418).end(error.code)).resume();
  });
  const response = await request(withFailingInput(app), "/", { method: "POST", body: "hello" });
  assert.deepEqual([response.status, await response.text()], [418, "TSGI_BODY_TOO_LARGE"]);
});

test("fromNode: the error of a request that no listener hears of is the app's", async () => {
  for (const read of [
    (incoming) => incoming.resume(),
    async (incoming, response) => {
      for await (const _chunk of incoming);
      response.end("whole");
    },
  ] satisfies NodeHandler[]) {
    const response = await request(withFailingInput(fromNode(read)), "/", { method: "POST", body: "hello" });
    assert.equal(response.status, 413);
  }
  const piped = fromNode((incoming, response) => incoming.pipe(response));
  const response = await request(withFailingInput(piped), "/", { method: "POST", body: "hello" });
  await assert.rejects(response.text(), { code: "TSGI_BODY_TOO_LARGE" });
});

test("fromNode: a body that is read after the response has ended fails, and the process lives on", async (t) => {
  const told: unknown[] = [];
  const { log, connect } = await start(
    t,
    fromNode((incoming, response) => {
      response.end("first");
      setTimeout(() => {
        incoming
          .on("error", (error: Error & { code?: string }) => told.push(error.code))
          .on("close", () => told.push("close"))
          .resume();
      }, 10);
    }),
  );
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  await client.until("first");
  await eventually(() => told.length === 2);
  assert.deepEqual(told, ["TSGI_RESPONSE_OVER", "close"]);
  assert.deepEqual(log, []);
});

test('fromNode: url: "full" shows the handler the whole path below a mount', async () => {
  const app = fromNode(
    (incoming, response) => {
      const { url, originalUrl, baseUrl } = incoming as IncomingMessage & { originalUrl?: string; baseUrl?: string };
      response.end(JSON.stringify([url, originalUrl, baseUrl]));
    },
    { url: "full" },
  );
  const site = dispatcher(app, { "/a": app });
  for (const [path, expected] of [
    ["/?q", ["/?q", null, null]],
    ["/a", ["/a", "/a", null]],
    ["/a/b?q=1", ["/a/b?q=1", "/a/b?q=1", null]],
  ] as const) {
    assert.deepEqual(JSON.parse(await (await request(site, path)).text()), expected);
  }
});

test("fromNode: fallback: false gives a handler with a third parameter no next", async () => {
  const answer = (_request: IncomingMessage, response: ServerResponse, parsedUrl?: { pathname: string }) =>
    response.end(String(parsedUrl?.pathname));
  assert.equal(await (await request(fromNode(answer, { fallback: false }), "/")).text(), "undefined");
});

test("fromNode: an app of Next.js is prepared once, before its first request", async () => {
  const told: string[] = [];
  const next = {
    async prepare() {
      told.push("prepare");
    },
    getRequestHandler() {
      told.push("handler");
      return async (incoming: IncomingMessage, response: ServerResponse, parsedUrl?: object) =>
        response.end(`${incoming.url} ${parsedUrl}`);
    },
  };
  const site = dispatcher(notFound, { "/shop": fromNode(next, { url: "full" }) });
  const bodies = await Promise.all(["/shop", "/shop/a?b"].map(async (path) => (await request(site, path)).text()));
  assert.deepEqual(
    [bodies, told],
    [
      ["/shop undefined", "/shop/a?b undefined"],
      ["prepare", "handler"],
    ],
  );
});

test("fromNode: the path of an absolute-form target is the URL, its authority the host", async (t) => {
  const { connect } = await start(
    t,
    fromNode((incoming, response) => response.end(`${incoming.url} ${incoming.headers.host}.`)),
  );
  const client = await connect();
  client.send("GET http://b.example/x?y HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.match(await client.until("."), /\/x\?y b\.example\.$/);
});

test("fromNode: wrong options are refused", () => {
  for (const options of [
    { url: "outer" },
    { fallback: true },
    { fallback: "x" },
    { falback: notFound },
    null,
    "full",
  ]) {
    assert.throws(() => fromNode(() => {}, options as object), { code: "TSGI_BAD_OPTION" });
  }
});

for (const member of ["IncomingMessage.prototype._addHeaderLines", "OutgoingMessage.prototype._storeHeader"]) {
  test(`fromNode: a version of Node without ${member} is refused`, () => {
    const program = `
      import http from "node:http";
      import { fromNode } from "./src/adapters/from-node.ts";
      delete http.${member};
      try {
        fromNode(() => {});
      } catch (error) {
        console.log(error.code, error.message);
      }`;
    const { stdout } = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", program], {
      cwd: root,
      encoding: "utf8",
    });
    assert.match(stdout, /^TSGI_NODE_UNSUPPORTED this version of Node has no \w+\._\w+\. fromNode relies on it\. v/);
  });
}

test("fromNode: a listener of the handler that throws is reported, and the response goes on", async (t) => {
  const { log, connect } = await start(
    t,
    fromNode((_request, response) => {
      response.on("finish", () => {
        throw new Error("mine");
      });
      response.end("x");
    }),
  );
  await (await connect()).get("/").until("\r\n\r\nx");
  await eventually(() => log.length > 0);
  assert.match(log.join(""), /^GET \/: Error: mine\n/);
});

test("fromNode: something that is not a handler is refused", () => {
  for (const wrong of [undefined, null, {}, "x", { handler: 1 }]) {
    assert.throws(() => fromNode(wrong as unknown as NodeHandler), { code: "TSGI_NO_APP" });
  }
});

for (const [what, te, headers] of [
  ["that are asked for", "TE: trailers\r\n", {}],
  ["that are announced", "TE: trailers\r\n", { Trailer: "X-Sum" }],
] as const) {
  test(`fromNode: trailers ${what} are as on Node's server`, async (t) => {
    const handler: Handler = (_request, response) => {
      response.writeHead(200, headers);
      response.write("a");
      response.addTrailers({ "X-Lost": "0" });
      response.addTrailers([
        ["X-Sum", "1: 2"],
        ["X-Other", "\u00e9"],
      ] as never);
      response.end("b");
    };
    const [plain, ours] = await both(t, handler, GET.replace("\r\n\r\n", `\r\n${te}\r\n`));
    assert.equal(ours.wire, plain.wire);
    assert.ok(ours.wire.endsWith("0\r\nX-Sum: 1: 2\r\nX-Other: \u00e9\r\n\r\n"), ours.wire);
  });
}

test("fromNode: trailers that cannot be any are dropped, and the others sent", async () => {
  const app = fromNode((_request, response) => {
    response.addTrailers({ "Content-Length": "5", "Set-Cookie": "a=b", "X-Sum": "1" });
    response.end("hello");
  });
  const response = await request(app, "/");
  assert.equal(await response.text(), "hello");
  assert.deepEqual([response.trailers, response.errors], [[["X-Sum", "1"]], ""]);
});
