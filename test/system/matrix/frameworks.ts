/** The same site in every framework: what a gateway has to carry, and nothing else. */

import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import connect from "connect";
import { Elysia } from "elysia";
import express from "express";
import Fastify from "fastify";
import { H3 } from "h3";
import { Hono } from "hono";
import { AutoRouter } from "itty-router";
import Koa from "koa";
import polka from "polka";
import { fromFetch } from "../../../src/adapters/from-fetch.ts";
import { type FrameworkApp, fromNode } from "../../../src/adapters/from-node.ts";
import type { App } from "../../../src/gateway.ts";

export const CHUNKS = ["one ", "two ", "three"];
export const COOKIES = ["a=1", "b=2"];
export const ETAG = '"matrix"';

/** Called when a response that never ends was ended by its client. */
export interface Watch {
  ended(): void;
}

async function* chunks(): AsyncGenerator<Uint8Array> {
  for (const chunk of CHUNKS) {
    yield Buffer.from(chunk);
    await sleep(2);
  }
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from(CHUNKS[0] as string);
  await sleep(2);
  throw new Error("after the head");
}

async function* endless(watch: Watch): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      yield Buffer.from("more ");
      await sleep(2);
    }
  } finally {
    watch.ended();
  }
}

function digest(body: Uint8Array): string {
  return `${body.length} ${createHash("sha1").update(body).digest("hex")}`;
}

export const digestOf: (body: Uint8Array) => string = digest;

async function bodyOf(request: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

/** The site as a Node listener, for what has no routes of its own. */
function listener(watch: Watch) {
  return async function listener(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const [path] = (request.url as string).split("?");
    if (path === "/hello") return response.setHeader("Content-Type", "text/plain").end("hello");
    if (path === "/echo") return response.end(digest(await bodyOf(request)));
    if (path === "/stream") return Readable.from(chunks()).pipe(response);
    if (path === "/redirect") return response.writeHead(302, { Location: "hello" }).end();
    if (path === "/cookies") return response.setHeader("Set-Cookie", COOKIES).end();
    if (path === "/cached") {
      response.setHeader("ETag", ETAG);
      if (request.headers["if-none-match"] === ETAG) return response.writeHead(304).end();
      return response.end("cached");
    }
    if (path === "/hang") return new Promise(() => {});
    if (path === "/error") throw new Error("before the head");
    if (path === "/cut")
      return Readable.from(failing())
        .on("error", (error) => response.destroy(error))
        .pipe(response);
    if (path === "/endless") {
      const body = Readable.from(endless(watch));
      response.on("close", () => body.destroy());
      return body.pipe(response);
    }
    return response.writeHead(404).end("nothing");
  };
}

type Routes = readonly (readonly [
  method: "get" | "post",
  path: string,
  answer: (request: Request) => Response | Promise<Response>,
])[];

function streamOf(source: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await source.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.error(error);
      }
    },
    async cancel() {
      await source.return(undefined);
    },
  });
}

/** The site as Fetch handlers. */
function routes(watch: Watch): Routes {
  return [
    ["get", "/hello", () => new Response("hello", { headers: { "Content-Type": "text/plain" } })],
    ["post", "/echo", async (request) => new Response(digest(new Uint8Array(await request.arrayBuffer())))],
    ["get", "/stream", () => new Response(streamOf(chunks()))],
    ["get", "/redirect", () => new Response(null, { status: 302, headers: { Location: "hello" } })],
    [
      "get",
      "/cookies",
      () => new Response(null, { headers: COOKIES.map((cookie): [string, string] => ["Set-Cookie", cookie]) }),
    ],
    [
      "get",
      "/cached",
      (request) => {
        const headers = { ETag: ETAG };
        const isKnown = request.headers.get("If-None-Match") === ETAG;
        return isKnown ? new Response(null, { status: 304, headers }) : new Response("cached", { headers });
      },
    ],
    ["get", "/hang", () => new Promise(() => {})],
    ["get", "/cut", () => new Response(streamOf(failing()))],
    ["get", "/endless", () => new Response(streamOf(endless(watch)))],
  ];
}

const throwing = (): never => {
  throw new Error("before the head");
};

function ofExpress(watch: Watch): App {
  const app = express();
  app.set("env", "test");
  app.get("/hello", (_request, response) => void response.type("text/plain").send("hello"));
  app.post(
    "/echo",
    express.raw({ type: "*/*", limit: "2mb" }),
    (request, response) => void response.send(digest(request.body)),
  );
  app.get("/redirect", (_request, response) => response.redirect("hello"));
  app.get("/cookies", (_request, response) => void response.cookie("a", "1").cookie("b", "2").end());
  app.get("/error", throwing);
  app.use((request, response) => listener(watch)(request, response));
  return fromNode(app);
}

function ofConnect(watch: Watch): App {
  return fromNode(connect().use((request, response, next) => void listener(watch)(request, response).catch(next)));
}

function ofKoa(watch: Watch): App {
  const app = new Koa();
  app.silent = true;
  app.use(async (context) => {
    const { path } = context;
    if (path === "/hello") context.body = "hello";
    else if (path === "/echo") context.body = digest(await bodyOf(context.req));
    else if (path === "/stream") context.body = Readable.from(chunks());
    else if (path === "/redirect") context.redirect("hello");
    else if (path === "/cookies") {
      for (const cookie of COOKIES) context.append("Set-Cookie", cookie);
      context.body = "";
    } else if (path === "/cached") {
      context.etag = ETAG;
      context.status = 200;
      if (context.fresh) context.status = 304;
      else context.body = "cached";
    } else if (path === "/hang") await new Promise(() => {});
    else if (path === "/error") throw new Error("before the head");
    else if (path === "/cut" || path === "/endless") {
      context.respond = false;
      context.res.statusCode = 200;
      await listener(watch)(context.req, context.res);
    }
  });
  return fromNode(app as unknown as FrameworkApp);
}

function ofFastify(watch: Watch): App {
  const app = Fastify({ bodyLimit: 2 ** 21 });
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.get("/hello", (_request, reply) => reply.type("text/plain").send("hello"));
  app.post("/echo", (request, reply) => reply.send(digest(request.body as Buffer)));
  app.get("/stream", (_request, reply) => reply.send(Readable.from(chunks())));
  app.get("/redirect", (_request, reply) => reply.redirect("hello"));
  app.get("/cookies", (_request, reply) => reply.header("Set-Cookie", COOKIES).send(""));
  app.get("/error", throwing);
  for (const path of ["/cached", "/cut", "/endless", "/hang"]) {
    app.get(path, (request, reply) => {
      reply.hijack();
      void listener(watch)(request.raw, reply.raw);
    });
  }
  return fromNode(app as unknown as FrameworkApp);
}

function ofPolka(watch: Watch): App {
  const app = polka().use((request, response) =>
    listener(watch)(request, response).catch(() => {
      response.statusCode = 500;
      response.end("error");
    }),
  );
  return fromNode(app as unknown as FrameworkApp);
}

function ofHono(watch: Watch): App {
  const app = new Hono();
  for (const [method, path, answer] of routes(watch)) app[method](path, (context) => answer(context.req.raw));
  return fromFetch(app.get("/error", throwing).onError((_error, context) => context.text("error", 500)));
}

function ofH3(watch: Watch): App {
  const app = new H3({ silent: true });
  for (const [method, path, answer] of routes(watch))
    app[method](path, (event) => answer(event.req as unknown as Request));
  return fromFetch(app.get("/error", throwing));
}

function ofElysia(watch: Watch): App {
  const app = new Elysia();
  for (const [method, path, answer] of routes(watch))
    app[method](path, ({ request }) => answer(request), { parse: "none" });
  return fromFetch(app.get("/error", throwing).head("/hello", () => new Response(null)));
}

function ofItty(watch: Watch): App {
  const app = AutoRouter();
  for (const [method, path, answer] of routes(watch))
    app[method](path, (request: unknown) => answer(request as unknown as Request));
  app.head("/hello", () => new Response(null));
  return fromFetch(app.get("/error", throwing));
}

/** An app of each framework, made for one test. */
export const FRAMEWORKS: Readonly<Record<string, (watch: Watch) => App>> = {
  "`(req, res)`": (watch) => fromNode(listener(watch)),
  Express: ofExpress,
  Connect: ofConnect,
  Koa: ofKoa,
  Fastify: ofFastify,
  Polka: ofPolka,
  Hono: ofHono,
  h3: ofH3,
  Elysia: ofElysia,
  "itty-router": ofItty,
};
