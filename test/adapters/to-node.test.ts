import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
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
import { RawClient } from "../support/raw-client.ts";

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
  host.use("/passing", toNode(app, { next: true }));
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
