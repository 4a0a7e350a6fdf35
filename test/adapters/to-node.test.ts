import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import { type AddressInfo, connect, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import Fastify from "fastify";
import Koa from "koa";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { lint } from "../../middleware/lint.ts";
import { type ToNodeOptions, toNode } from "../../src/adapters/to-node.ts";
import { json, notFound, text } from "../../src/apps.ts";
import { readBytes } from "../../src/body/input.ts";
import type { App } from "../../src/gateway.ts";
import { certificate } from "../support/certificate.ts";
import { ask as askStream } from "../support/http2-client.ts";
import { aWhile, eventually, RawClient } from "../support/raw-client.ts";

/** Tells what it was asked. */
const echo: App = async (environ, startResponse) => {
  const body = Buffer.from(await readBytes(environ)).toString();
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  const { REQUEST_METHOD, SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI } = environ;
  return JSON.stringify([REQUEST_METHOD, SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI, body]);
};

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    (server as { closeAllConnections?: () => void }).closeAllConnections?.();
  });
  return (server.address() as AddressInfo).port;
}

function serve(t: TestContext, listener: RequestListener): Promise<number> {
  return listen(t, createServer(listener));
}

async function ask(port: number, path: string, init?: RequestInit): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init ?? {});
  return [response.status, await response.text()];
}

/** A listener whose app runs through lint, and what was reported. */
function listener(app: App, options: ToNodeOptions = {}) {
  const log: string[] = [];
  return { log, listener: toNode(lint(app), { errors: { write: (line) => log.push(line) }, ...options }) };
}

test("toNode: an app on a plain Node server", async (t) => {
  const port = await serve(t, listener(echo).listener);
  assert.deepEqual(await ask(port, "/%61//b?c=d", { method: "POST", body: "hello" }), [
    200,
    JSON.stringify(["POST", "", "/a/b", "c=d", "/%61//b?c=d", "hello"]),
  ]);
});

test("toNode: the environ knows the connection", async (t) => {
  const facts: App = (environ, startResponse) => {
    const { SERVER_PROTOCOL, REMOTE_ADDR, SERVER_PORT, "tsgi.url_scheme": scheme } = environ;
    startResponse("200 OK", [["Content-Type", "application/json"]]);
    return JSON.stringify([SERVER_PROTOCOL, REMOTE_ADDR, SERVER_PORT, scheme, environ.REMOTE_PORT !== ""]);
  };
  const port = await serve(t, listener(facts).listener);
  assert.deepEqual(JSON.parse((await ask(port, "/"))[1]), ["HTTP/1.1", "127.0.0.1", String(port), "http", true]);
});

test("toNode: what comes over the wire is what the core server sends", async (t) => {
  const app: App = (_environ, startResponse) => {
    startResponse("201 Made", [
      ["Content-Type", "text/plain"],
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ]);
    return ["one ", "two"];
  };
  const client = await RawClient.open(connect(await serve(t, listener(app).listener), "127.0.0.1"));
  const answer = (await client.get("/", "Connection: close").all()).replace(/Date: .*\r\n/, "");
  assert.equal(
    answer,
    "HTTP/1.1 201 Made\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 7\r\n" +
      "Connection: close\r\n\r\none two",
  );
});

test("toNode: HEAD, 204 and a stream", async (t) => {
  const empty: App = (_environ, startResponse) => void startResponse("204 No Content", []);
  const streaming: App = async function* streaming(_environ, startResponse) {
    startResponse("200 OK", []);
    yield "a";
    await sleep(2);
    yield "b";
  } as App;
  const port = await serve(t, listener(dispatcher(streaming, { "/empty": empty })).listener);
  assert.deepEqual(await ask(port, "/"), [200, "ab"]);
  assert.deepEqual(await ask(port, "/", { method: "HEAD" }), [200, ""]);
  assert.deepEqual(await ask(port, "/empty"), [204, ""]);
});

test("toNode: a malformed target is a 400", async (t) => {
  const client = await RawClient.open(connect(await serve(t, listener(echo).listener), "127.0.0.1"));
  assert.match(await client.get("/%zz", "Connection: close").all(), /^HTTP\/1\.1 400 /);
});

test("toNode: an error before the head is a 500, one after it cuts the connection; both are reported", async (t) => {
  const { log, listener: failing } = listener(async function* failing(environ, startResponse) {
    if (environ.PATH_INFO === "/early") throw new Error("early");
    startResponse("200 OK", []);
    yield "part";
    await sleep(2);
    throw new Error("late");
  } as App);
  const port = await serve(t, failing);
  assert.deepEqual(await ask(port, "/early"), [500, "500 Internal Server Error\n"]);
  await assert.rejects(ask(port, "/late"));
  assert.match(log.join(""), /early[\s\S]*late/);
});

test("toNode: a response that fails leaves the earlier ones of its connection alone", async (t) => {
  const { listener: listens } = listener(async (environ, startResponse) => {
    const write = startResponse("200 OK", [["Content-Type", "text/plain"]]);
    if (environ.PATH_INFO === "/fails") {
      await write("half");
      throw new Error("amid");
    }
    await write("one, ");
    await sleep(30);
    return "two";
  });
  const port = await serve(t, listens);
  const client = await RawClient.open(connect(port, "127.0.0.1"));
  client.get("/slow").get("/fails");
  const received = await client.all();
  assert.match(received, /one, \r\n3\r\ntwo\r\n0\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*half\r\n$/);
});

test("toNode: a client that leaves finishes the body", async (t) => {
  let isFinished: () => void;
  const finished = new Promise<void>((resolve) => {
    isFinished = resolve;
  });
  const { log, listener: endless } = listener(async function* endless(_environ, startResponse) {
    startResponse("200 OK", []);
    try {
      for (;;) {
        yield "more ";
        await sleep(2);
      }
    } finally {
      isFinished();
    }
  } as App);
  const client = await RawClient.open(connect(await serve(t, endless), "127.0.0.1"));
  await client.get("/").until("more");
  client.socket.destroy();
  await finished;
  assert.deepEqual(log, []);
});

test("toNode: over https", async (t) => {
  const { key, cert } = await certificate();
  const port = await listen(t, https.createServer({ key, cert }, listener(echo).listener));
  const body = await new Promise<string>((resolve, reject) => {
    const outgoing = https.request({ port, path: "/x", rejectUnauthorized: false }, async (response) => {
      let all = "";
      for await (const chunk of response) all += chunk;
      resolve(all);
    });
    outgoing.on("error", reject).end();
  });
  assert.deepEqual(JSON.parse(body), ["GET", "", "/x", "", "/x", ""]);
});

test("toNode: over HTTP/2", async (t) => {
  const facts: App = async (environ, startResponse) => {
    const body = Buffer.from(await readBytes(environ)).toString();
    startResponse("200 OK", [
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ]);
    const { REQUEST_METHOD, PATH_INFO, QUERY_STRING, HTTP_HOST, SERVER_PROTOCOL } = environ;
    return JSON.stringify([REQUEST_METHOD, PATH_INFO, QUERY_STRING, HTTP_HOST, SERVER_PROTOCOL, body]);
  };
  const port = await listen(t, http2.createServer(listener(facts).listener as never) as unknown as Server);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const ask = async (method: string, body?: string) => {
    const stream = session.request({ ":path": "/a?b", ":method": method });
    stream.end(body);
    let all = "";
    const headers = new Promise<http2.IncomingHttpHeaders>((resolve) => stream.on("response", resolve));
    for await (const chunk of stream) all += chunk;
    return { cookies: (await headers)["set-cookie"], body: all === "" ? "" : JSON.parse(all) };
  };
  const cookies = ["a=1", "b=2"];
  const host = `127.0.0.1:${port}`;
  assert.deepEqual(await ask("GET"), { cookies, body: ["GET", "/a", "b", host, "HTTP/2.0", ""] });
  assert.deepEqual(await ask("POST", "hello"), { cookies, body: ["POST", "/a", "b", host, "HTTP/2.0", "hello"] });
  assert.deepEqual(await ask("HEAD"), { cookies, body: "" });
});

test("toNode: over HTTP/2 an error after the head resets the stream", async (t) => {
  const failing = listener(async function* failing(_environ, startResponse) {
    startResponse("200 OK", []);
    yield "part";
    await sleep(2);
    throw new Error("late");
  } as App);
  const port = await listen(t, http2.createServer(failing.listener as never) as unknown as Server);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const stream = session.request({ ":path": "/" });
  await assert.rejects(async () => {
    for await (const _chunk of stream);
  }, /NGHTTP2_INTERNAL_ERROR/);
});

// As a guest of other frameworks.

test("toNode: in Express, SCRIPT_NAME is the mount", async (t) => {
  const host = express();
  const inner = express.Router();
  inner.use("/b", listener(echo).listener);
  host.use("/a", inner);
  host.use(listener(echo).listener);
  const port = await serve(t, host);
  for (const [path, mount, rest] of [
    ["/a/b", "/a/b", ""],
    ["/a/b/", "/a/b", "/"],
    ["/a/b/c?d", "/a/b", "/c"],
    ["/x/y", "", "/x/y"],
  ] as const) {
    const [, body] = await ask(port, path);
    assert.deepEqual(JSON.parse(body).slice(1, 3), [mount, rest], path);
  }
});

test("toNode: in Express, a 404 goes on to the next handler, if that is asked for", async (t) => {
  const app = dispatcher(notFound, { "/known": text("known") });
  const host = express();
  host.use("/passing", toNode(app, { fallthrough: true }));
  host.use("/keeping", toNode(app));
  host.use((_request, response) => void response.send("next"));
  const port = await serve(t, host);
  assert.deepEqual(await ask(port, "/passing/known"), [200, "known"]);
  assert.deepEqual(await ask(port, "/passing/unknown"), [200, "next"]);
  assert.deepEqual(await ask(port, "/keeping/unknown"), [404, "Not Found\n"]);
});

test("toNode: what Express has set is sent too, or replaced", async (t) => {
  const host = express();
  host.use((_request, response, next) => {
    response.setHeader("X-Host", "host");
    response.setHeader("Content-Type", "text/host");
    next();
  });
  host.use(toNode(json({ a: 1 })));
  const response = await fetch(`http://127.0.0.1:${await serve(t, host)}/`);
  assert.equal(response.headers.get("x-host"), "host");
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(await response.text(), '{"a":1}');
});

test("toNode: a body that a parser of the host has read is an error that says so", async (t) => {
  const { log, listener: reading } = listener(echo);
  const host = express().use(express.json()).use(reading);
  const port = await serve(t, host);
  const [status] = await ask(port, "/", {
    method: "POST",
    body: "{}",
    headers: { "Content-Type": "application/json" },
  });
  assert.equal(status, 500);
  assert.match(log.join(""), /TSGI_BODY_READ[\s\S]*before the body parser|the request body was read before/);
});

test("toNode: in Koa", async (t) => {
  const app = listener(echo).listener;
  const host = new Koa();
  host.use((context) => {
    context.respond = false;
    app(context.req, context.res);
  });
  const [status, body] = await ask(await serve(t, host.callback()), "/a?b", { method: "POST", body: "hello" });
  assert.deepEqual([status, JSON.parse(body)], [200, ["POST", "", "/a", "b", "/a?b", "hello"]]);
});

test("toNode: in Fastify", async (t) => {
  const app = listener(echo).listener;
  const host = Fastify();
  host.removeAllContentTypeParsers();
  host.addContentTypeParser("*", (_request, _payload, done) => done(null));
  host.all("/a/*", (incoming, reply) => {
    reply.hijack();
    app(incoming.raw, reply.raw);
  });
  await host.ready();
  t.after(() => host.close());
  const [status, body] = await ask(await serve(t, host.routing as RequestListener), "/a/x", {
    method: "POST",
    body: "hello",
  });
  assert.deepEqual([status, JSON.parse(body)], [200, ["POST", "", "/a/x", "", "/a/x", "hello"]]);
});

/** An app that answers after a while. */
const late: App = async (_environ, startResponse) => {
  await sleep(5);
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return "late";
};

test("toNode: after a head that the host has sent, the error is the host's", async (t) => {
  for (const app of [text("now"), late]) {
    const { log, listener: guest } = listener(app);
    const errors: unknown[] = [];
    const host = express();
    host.use((_request, response, next) => {
      response.flushHeaders();
      next();
    });
    host.use(guest);
    host.use(((error, _request, response, _next) => {
      errors.push(error.code);
      response.end("the host's");
    }) as express.ErrorRequestHandler);
    assert.deepEqual(await ask(await serve(t, host), "/"), [200, "the host's"]);
    assert.deepEqual([errors, log], [["TSGI_HOST_ANSWERED"], []]);
  }
});

test("toNode: a head that the host sends while the app is busy is the host's error, too", async (t) => {
  const { log, listener: guest } = listener(late);
  const errors: unknown[] = [];
  const port = await serve(t, (request, response) => {
    guest(request, response, (error) => {
      errors.push((error as { code: string }).code);
      response.end("the host's");
    });
    response.flushHeaders();
  });
  assert.deepEqual(await ask(port, "/"), [200, "the host's"]);
  assert.deepEqual([errors, log], [["TSGI_HOST_ANSWERED"], []]);
});

test("toNode: without a next, a head that the host has sent is reported, and the connection cut", async (t) => {
  const { log, listener: guest } = listener(late);
  const port = await serve(t, (request, response) => {
    guest(request, response);
    response.flushHeaders();
  });
  await assert.rejects(ask(port, "/"));
  assert.match(log.join(""), /^GET \/: TsgiError: the host has answered the request itself/);
});

test("toNode: where the host has answered in full, the app hears of it as of a client that left", async (t) => {
  let aborted = false;
  const { log, listener: guest } = listener(async (environ, startResponse) => {
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    aborted = true;
    startResponse("200 OK", []);
    return "late";
  });
  const port = await serve(t, (request, response) => {
    guest(request, response);
    response.end("the host's");
  });
  assert.deepEqual(await ask(port, "/"), [200, "the host's"]);
  await eventually(() => aborted);
  assert.deepEqual(log, []);
});

for (const [method, headers] of [
  ["writeHead", {}],
  ["setHeader", { "X-Host": "1" }],
  ["write", {}],
  ["end", {}],
  ["flushHeaders", {}],
] as ["end" | "write", Record<string, string>][]) {
  test(`toNode: a method ${method} that throws is told to the host, and the body is closed`, async (t) => {
    let closed = 0;
    const streaming: App = async function* streaming(environ, startResponse) {
      startResponse("200 OK", [["X-App", "1"]]);
      if (method !== "write") environ["tsgi.exchange"].flush?.();
      try {
        await sleep(2);
        for (let index = 0; index < 3; index++) yield "part";
      } finally {
        closed++;
      }
    } as App;
    const { log, listener: guest } = listener(streaming);
    const errors: unknown[] = [];
    const port = await serve(t, (request, response) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      response[method] = failing;
      guest(request, response, (error) => {
        errors.push((error as Error).message);
        response.destroy();
        throw new Error("of next");
      });
    });
    await assert.rejects(ask(port, "/"));
    await eventually(() => closed > 0 && errors.length + log.length > 0);
    assert.match(errors.concat(log).join(" "), /mine/);
    assert.equal(closed, 1);
  });
}

function failing(): never {
  throw new Error("mine");
}

test("toNode: a response that the host destroys ends the app, however it answers", async (t) => {
  const endless: App = function* endless(_environ, startResponse) {
    startResponse("200 OK", []);
    for (;;) yield "more";
  };
  for (const app of [late, endless]) {
    const { log, listener: guest } = listener(app);
    let called = false;
    const port = await serve(t, (request, response) => {
      called = true;
      guest(request, response, failing);
      response.destroy();
    });
    await assert.rejects(ask(port, "/"));
    await eventually(() => called);
    await aWhile();
    assert.deepEqual(log, []);
  }
});

test("toNode: Vary is merged, cookies are added, the rest is replaced or kept", async (t) => {
  const { listener: guest } = listener((_environ, startResponse) => {
    startResponse("200 OK", [
      ["Vary", "Accept"],
      ["Set-Cookie", "b=2"],
      ["X-Both", "app"],
      ["Content-Type", "text/plain"],
    ]);
    return ["ab", "c"];
  });
  const port = await serve(t, (request, response) => {
    response.setHeader("vary", "Origin, accept");
    response.setHeader("Set-Cookie", "a=1");
    response.setHeader("X-Both", "host");
    response.setHeader("X-Host", "host");
    response.setHeader("Content-Length", "99");
    guest(request, response);
  });
  const client = await RawClient.open(connect(port, "127.0.0.1"));
  assert.equal(
    await client.get("/", "Connection: close").all(),
    "HTTP/1.1 200 OK\r\nVary: Origin, accept\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Both: app\r\nX-Host: host\r\n" +
      "Content-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
  );
});

test("toNode: a writeHead of the host's, which may not know raw lists, loses no header", async (t) => {
  const { listener: guest } = listener(text("hi"));
  const port = await serve(t, (request, response) => {
    const { writeHead } = response;
    response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
      assert.equal(args.some(Array.isArray), false);
      return Reflect.apply(writeHead, this, args);
    } as typeof writeHead;
    guest(request, response);
  });
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
  await response.text();
});

for (const [what, body] of [
  ["a text", ["\u00e9"]],
  ["a flush", ["", "\u00e9"]],
] as const) {
  test(`toNode: a Latin-1 header before ${what} stays Latin-1`, async (t) => {
    const app: App = async function* latin(environ, startResponse) {
      startResponse("200 OK", [["X-Name", "caf\u00e9"]]);
      if (what === "a flush") environ["tsgi.exchange"].flush?.();
      await sleep(1);
      yield* body;
    } as App;
    for (const hosted of [false, true]) {
      const { listener: guest } = listener(app);
      const port = await serve(t, (request, response) => {
        if (hosted) response.setHeader("X-Host", "1");
        guest(request, response);
      });
      const client = await RawClient.open(connect(port, "127.0.0.1"));
      const answer = await client.get("/", "Connection: close").all();
      assert.match(answer, /X-Name: caf\xe9\r\n/);
      assert.match(answer, /\r\n2\r\n\xc3\xa9\r\n/);
    }
  });
}

const informing: App = (environ, startResponse) => {
  environ["tsgi.exchange"].inform?.("103 Early Hints", [["Link", "</a.css>; rel=preload"]]);
  startResponse("204 No Content", []);
};

test("toNode: informational responses go out before the head", async (t) => {
  const client = await RawClient.open(connect(await serve(t, listener(informing).listener), "127.0.0.1"));
  assert.equal(
    await client.get("/", "Connection: close").all(),
    "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
  );
});

test("toNode: informational responses go out over HTTP/2", async (t) => {
  const port = await listen(t, http2.createServer(listener(informing).listener as never) as unknown as Server);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const stream = session.request({ ":path": "/" });
  const hints: unknown[] = [];
  stream.on("headers", (headers) => hints.push(headers[":status"], headers.link));
  stream.resume();
  await new Promise((resolve) => stream.on("close", resolve));
  assert.deepEqual(hints, [103, "</a.css>; rel=preload"]);
});

test("toNode: over HTTP/2 a doubled field is not an error, in hints neither", async (t) => {
  const doubled = listener((environ, startResponse) => {
    environ["tsgi.exchange"].inform?.("103 Early Hints", [
      ["Link", "</a.css>; rel=preload"],
      ["Link", "</b.css>; rel=preload"],
    ]);
    startResponse("200 OK", [
      ["X-Content-Type-Options", "nosniff"],
      ["X-Content-Type-Options", "nosniff"],
      ["Content-Encoding", "x-a"],
      ["Content-Encoding", "x-b"],
    ]);
    return [];
  });
  const port = await listen(t, http2.createServer(doubled.listener as never) as unknown as Server);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const { status, headers, informational } = await askStream(session);
  assert.deepEqual(
    [status, headers, informational],
    [
      200,
      { "x-content-type-options": "nosniff", "content-encoding": "x-a, x-b", "content-length": "0" },
      [{ ":status": 103, link: "</a.css>; rel=preload, </b.css>; rel=preload" }],
    ],
  );
});

test("toNode: behind TLS the scheme is https over HTTP/2, too", async (t) => {
  const { key, cert } = await certificate();
  const scheme: App = (environ, startResponse) => {
    startResponse("200 OK", []);
    return environ["tsgi.url_scheme"];
  };
  const secure = http2.createSecureServer({ key, cert }, listener(scheme).listener as never);
  const session = http2.connect(`https://127.0.0.1:${await listen(t, secure as unknown as Server)}`, {
    rejectUnauthorized: false,
  });
  t.after(() => session.destroy());
  let all = "";
  for await (const chunk of session.request({ ":path": "/" })) all += chunk;
  assert.equal(all, "https");
});

test("toNode: a body that had arrived whole can be read after the client has left", async (t) => {
  const read: string[] = [];
  const { log, listener: guest } = listener(async (environ, startResponse) => {
    const gone = new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    await gone;
    read.push(Buffer.from(await readBytes(environ)).toString());
    startResponse("200 OK", []);
  });
  const client = await RawClient.open(connect(await serve(t, guest), "127.0.0.1"));
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
  await aWhile();
  client.socket.destroy();
  await eventually(() => read.length > 0);
  assert.deepEqual([read, log], [["hello"], []]);
});

test("toNode: reads that nobody awaits end nothing when the client leaves", async (t) => {
  let reads = 0;
  const failures: unknown[] = [];
  const log: string[] = [];
  const reading: App = async (environ, startResponse) => {
    const input = environ["tsgi.input"][Symbol.asyncIterator]();
    void readBytes(environ);
    void input.next();
    const last = input.next();
    reads++;
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    await last.catch((error) => failures.push(error.code));
    reads++;
    startResponse("200 OK", []);
  };
  const guest = toNode(reading, { errors: { write: (line) => log.push(line) } });
  const client = await RawClient.open(connect(await serve(t, guest), "127.0.0.1"));
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhello");
  await eventually(() => reads === 1);
  client.socket.destroy();
  await eventually(() => reads === 2);
  assert.deepEqual(log, []);
});

test("toNode: only a canonical target is let in where that is asked for", async (t) => {
  const host = express();
  host.use("/in", listener(echo, { canonicalOnly: true }).listener);
  host.use(listener(echo).listener);
  const port = await serve(t, host);
  for (const [path, status] of [
    ["/in/admin?a=//b", 200],
    ["/in", 200],
    ["/in/%61dmin", 400],
    ["/in//admin", 400],
    ["//in/admin", 200],
  ] as const) {
    const client = await RawClient.open(connect(port, "127.0.0.1"));
    assert.match(await client.get(path, "Connection: close").all(), new RegExp(`^HTTP/1.1 ${status} `), path);
  }
});

test("toNode: unknown options are refused", () => {
  assert.throws(() => toNode(echo, { next: true } as ToNodeOptions), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => toNode(echo, { fallthrough: 1 as unknown as boolean }), { code: "TSGI_BAD_OPTION" });
});

test("toNode: on a response that is not of a server, as Fastify's inject has it", async (t) => {
  for (const app of [echo, late]) {
    const { log, listener: guest } = listener(app);
    const host = Fastify();
    host.get("/a/*", (incoming, reply) => {
      reply.hijack();
      guest(incoming.raw, reply.raw);
    });
    t.after(() => host.close());
    const response = await host.inject("/a/x?b");
    assert.equal(response.statusCode, 200);
    assert.equal(response.body, app === late ? "late" : JSON.stringify(["GET", "", "/a/x", "b", "/a/x?b", ""]));
    assert.deepEqual(log, []);
  }
});

for (const [what, make, leave] of [
  [
    "HTTP/1",
    createServer,
    async (port) => {
      const client = await RawClient.open(connect(port, "127.0.0.1"));
      client.get("/");
      await aWhile();
      client.socket.destroy();
    },
  ],
  [
    "HTTP/2",
    http2.createServer,
    async (port) => {
      const session = http2.connect(`http://127.0.0.1:${port}`).on("error", () => {});
      session.request({ ":path": "/" }).on("error", () => {});
      await aWhile();
      session.destroy();
    },
  ],
] as [string, (listener: never) => unknown, (port: number) => Promise<void>][]) {
  test(`toNode: a host that calls it for a client that has left hears nothing of it, over ${what}`, async (t) => {
    let runs = 0;
    let isCalled = false;
    const guest = toNode(() => void runs++);
    const host = async (request: IncomingMessage, response: ServerResponse) => {
      await new Promise((resolve) => response.once("close", resolve));
      await aWhile();
      guest(request, response, failing);
      isCalled = true;
    };
    await leave(await listen(t, make(host as never) as Server));
    await eventually(() => isCalled);
    assert.equal(runs, 0);
  });
}

test("toNode: a client of HTTP/2 that leaves amid a write is noticed, and the body closed", async (t) => {
  let closed = 0;
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    try {
      for (;;) {
        yield "more ";
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      closed++;
    }
  };
  const server = http2.createServer(toNode(app) as unknown as Parameters<typeof http2.createServer>[1]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    server.close();
  });
  for (let count = 1; count <= 100; count++) {
    const stream = session.request({ ":path": "/" });
    await new Promise<void>((resolve) => {
      stream.once("data", () => {
        stream.destroy();
        resolve();
      });
    });
    await eventually(() => closed === count);
  }
});

/** An app that adds a trailer: at the end of a stream, or before a whole body. */
const trailing: App = ({ PATH_INFO, "tsgi.exchange": exchange }, startResponse) => {
  startResponse("200 OK", [["Trailer", "X-Sum"]]);
  const add = () => exchange.addTrailers?.([["X-Sum", "1"]]);
  if (PATH_INFO === "/whole") {
    add();
    return "ab";
  }
  return (function* () {
    yield "a";
    yield "b";
    add();
  })();
};

for (const [path, chunks] of [
  ["/whole", "2\r\nab\r\n"],
  ["/", "1\r\na\r\n1\r\nb\r\n"],
] as const) {
  for (const [te, sent] of [
    ["TE: trailers\r\n", true],
    ["", false],
  ] as const) {
    test(`toNode: trailers of ${path} are ${sent ? "sent to who asks for them" : "dropped where nobody asks"}`, async (t) => {
      const { log, listener: handle } = listener(trailing);
      for (const header of ["", "X-Host"]) {
        const port = await serve(t, (request, response) => {
          if (header !== "") response.setHeader(header, "1");
          handle(request, response);
        });
        const client = await RawClient.open(connect(port, "127.0.0.1"));
        client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${te}\r\n`);
        const received = await client.all();
        assert.equal(/^Trailer: X-Sum$/im.test(received), sent, received);
        const isChunked = sent || path === "/";
        const body = isChunked ? `${chunks}0\r\n${sent ? "X-Sum: 1\r\n" : ""}\r\n` : "\r\n\r\nab";
        // From Node 26 on, what is written in one turn is one chunk.
        assert.ok(received.replace("2\r\nab", chunks.slice(0, -2)).endsWith(body), received);
      }
      assert.deepEqual(log, []);
    });
  }
}

test("toNode: trailers over HTTP/2", async (t) => {
  const { log, listener: handle } = listener(trailing);
  const port = await listen(t, http2.createServer(handle as never) as unknown as Server);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  for (const path of ["/", "/whole"]) {
    const stream = session.request({ ":path": path });
    const seen: unknown[] = [];
    stream.on("response", (headers) => seen.push(headers.trailer));
    stream.on("trailers", (trailers) => seen.push(trailers["x-sum"]));
    for await (const chunk of stream) seen.push(String(chunk));
    await eventually(() => seen.includes("1"));
    assert.deepEqual([seen[0], seen.slice(1, -1).join(""), seen.at(-1)], ["X-Sum", "ab", "1"]);
  }
  assert.deepEqual(log, []);
});
