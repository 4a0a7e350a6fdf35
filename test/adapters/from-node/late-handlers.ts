/** Handlers that answer late, each in its own way, and what becomes of them. */

import { readFile } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import compression from "compression";
import connect from "connect";
import express, { type Express } from "express";
import session from "express-session";
import Fastify, { type FastifyInstance } from "fastify";
import Koa, { type Context } from "koa";
import polka from "polka";
import { type FrameworkApp, fromNode, type NodeHandler } from "../../../src/adapters/from-node.ts";
import { notFound } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";

/** How long handlers take, in milliseconds, and when clients leave that do not wait for an answer. */
const LATE = 60;
export const EARLY = 20;

const FILE = new URL("./departures.test.ts", import.meta.url).pathname;

export interface Case {
  readonly app: App;
  /** What a client is answered that stays: a status, or "cut" for a response that does not come to its end. */
  readonly answer: number | "cut";
  /** What is reported then, once each. */
  readonly errors: readonly RegExp[];
}

export const cases: Record<string, Case> = {};

function addApp(name: string, app: App, answer: number | "cut" = 200, errors: readonly RegExp[] = []): void {
  cases[name.replaceAll(/:? /g, "-")] = { app, answer, errors };
}

function add(name: string, handler: NodeHandler | FrameworkApp, ...rest: [(number | "cut")?, RegExp[]?]): void {
  addApp(name, fromNode(handler), ...rest);
}

/** A body that comes in parts, the first at once. */
async function* parts(): AsyncGenerator<string> {
  yield "part";
  await sleep(LATE);
  yield "rest";
}

async function* failing(): AsyncGenerator<string> {
  yield "part";
  await sleep(LATE);
  throw new Error("amid the body");
}

const mine = new Error("mine");

// Plain handlers.
add("end in a timer", (_request, response) => void setTimeout(() => response.end("x"), LATE));
add("a status in a timer", (_request, response) => void setTimeout(() => response.writeHead(204).end(), LATE), 204);
add("end in a callback", (_request, response) => readFile(FILE, (_error, text) => response.end(text)));
add("end by a promise", async (_request, response) => {
  await sleep(LATE);
  response.end("x");
});
add("an early head", (_request, response) => {
  response.flushHeaders();
  setTimeout(() => response.end("x"), LATE);
});
add("a late header", (_request, response) => {
  setTimeout(() => response.setHeader("X-A", "1").writeHead(200, { "X-B": "2" }).end("x"), LATE);
});
add("parts in timers", (_request, response) => {
  response.write("part");
  const timer = setInterval(() => response.write("part"), 10);
  setTimeout(() => {
    clearInterval(timer);
    response.end();
  }, LATE);
});
add("much", (_request, response) => {
  setTimeout(() => {
    for (let index = 0; index < 64; index++) response.write(Buffer.alloc(65_536));
    response.end();
  }, EARLY);
});
add("a stream", (_request, response) => void Readable.from(parts()).pipe(response));
add("a pipeline", (_request, response) => pipeline(Readable.from(parts()), response));
add("a stream that fails", (_request, response) => pipeline(Readable.from(failing()), response), "cut", [
  /amid the body/,
]);
add("early hints", (_request, response) => {
  setTimeout(() => {
    response.writeEarlyHints({ link: "</a.css>; rel=preload", "x-bad": "a" });
    response.writeProcessing();
    response.end("x");
  }, LATE);
});
add("next in a timer", (_request, _response, next) => void setTimeout(() => next?.(), LATE), 404);
addApp(
  "next with an error",
  fromNode((_request, _response, next) => void setTimeout(() => next?.(mine), LATE), { fallback: notFound }),
  500,
  [/mine/],
);
addApp(
  "a fallback that throws",
  fromNode((_request, _response, next) => void setTimeout(() => next?.(), LATE), {
    fallback() {
      throw mine;
    },
  }),
  500,
  [/mine/],
);
addApp(
  "an answer after next",
  fromNode(
    (_request, response, next) => {
      next?.();
      setTimeout(() => response.end("x"), EARLY);
    },
    {
      async fallback(_environ, startResponse) {
        await sleep(LATE);
        startResponse("404 Not Found", []);
      },
    },
  ),
  404,
  [/TSGI_STARTED_TWICE|startResponse|next\(\)/],
);
add(
  "two heads",
  async (_request, response) => {
    await sleep(LATE);
    response.writeHead(200);
    response.writeHead(201);
  },
  500,
  [/ERR_HTTP_HEADERS_SENT/],
);
add(
  "a write after the end",
  (_request, response) => {
    response.end("x");
    setTimeout(() => response.write("y"), 0);
  },
  200,
);
add(
  "a write after the end at once",
  (_request, response) => {
    response.end("x");
    response.write("y");
  },
  200,
  [/ERR_STREAM_WRITE_AFTER_END|write after end/],
);
add("two ends", (_request, response) => {
  setTimeout(() => {
    response.end("x");
    response.end();
  }, LATE);
});
for (const [what, destroy] of [
  ["the response", (_request, response) => response.destroy()],
  ["the request", (request) => request.destroy()],
  ["the socket", (request) => request.socket.destroy()],
  ["the response with an error", (_request, response) => response.destroy(mine)],
  ["the request with an error", (request) => request.destroy(mine)],
  ["the end of the socket", (request) => request.socket.end()],
  ["a raw answer", (request) => request.socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
] as [string, (request: IncomingMessage, response: ServerResponse) => void][]) {
  add(
    `destroys: ${what}`,
    (request, response) => {
      setTimeout(() => {
        destroy(request, response);
        response.end("x");
      }, LATE);
    },
    500,
    [/mine|destroyed its response|socket/],
  );
  add(
    `destroys amid the body: ${what}`,
    (request, response) => {
      response.write("part");
      setTimeout(() => destroy(request, response), LATE);
    },
    "cut",
    [/mine|destroyed its response|socket/],
  );
}
for (const [what, answer] of [
  ["a malformed length", (response) => response.writeHead(200, { "Content-Length": "abc" }).end("x")],
  ["two lengths", (response) => response.writeHead(200, ["Content-Length", "1", "Content-Length", "2"]).end("x")],
  ["a status of 199", (response) => response.writeHead(199).end("x")],
  ["a status of 101", (response) => response.writeHead(101).end("x")],
] as [string, (response: ServerResponse) => void][]) {
  add(`refused: ${what}`, (_request, response) => void setTimeout(() => answer(response), LATE), 500, [
    /TSGI_BAD_(HEADER|STATUS)|malformed|status line/,
  ]);
}
add(
  "a rejection",
  async () => {
    await sleep(LATE);
    throw mine;
  },
  500,
  [/mine/],
);
add(
  "a rejection amid the body",
  async (_request, response) => {
    response.write("part");
    await sleep(LATE);
    throw mine;
  },
  "cut",
  [/mine/],
);
add(
  "a rejection after the end",
  async (_request, response) => {
    response.end("x");
    await sleep(1);
    throw mine;
  },
  200,
  [/mine/],
);
add(
  "a throw after the end",
  (_request, response) => {
    response.end("x");
    throw mine;
  },
  200,
  [/mine/],
);
const throws = (): never => {
  throw mine;
};
add("a callback of end that throws", (_request, response) => response.end("x", throws), 200, [/mine/]);
add(
  "a callback of write that throws",
  (_request, response) => {
    response.write("part", throws);
    setTimeout(() => response.end(), LATE);
  },
  "cut",
  [/mine/],
);
add("a listener of finish that throws", (_request, response) => response.on("finish", throws).end("x"), 200, [/mine/]);
add(
  "a listener of close that throws",
  (request, response) => {
    request.on("aborted", throws);
    response.on("close", throws);
    setTimeout(() => response.end("x"), LATE);
  },
  200,
  [/mine/],
);
add(
  "a listener of the request that throws",
  (request) => void setTimeout(() => request.on("end", throws).resume(), LATE),
  500,
  [/mine/],
);
// biome-ignore lint/suspicious/noThenProperty: what a careless library may return.
add("a thenable that throws", () => ({ then: throws }), 500, [/mine/]);

// Express.
function onExpress(name: string, set: (app: Express) => void, ...rest: [(number | "cut")?, RegExp[]?]): void {
  const app = express().set("env", "test");
  set(app);
  add(`Express: ${name}`, app as unknown as NodeHandler, ...rest);
}
onExpress("send", (app) => app.use((_request, response) => void setTimeout(() => response.send("x"), LATE)));
onExpress("json", (app) => app.use((_request, response) => void setTimeout(() => response.json([]), LATE)));
onExpress(
  "sendStatus",
  (app) => app.use((_request, response) => void setTimeout(() => response.sendStatus(418), LATE)),
  418,
);
onExpress("sendFile", (app) => app.use((_request, response) => void setTimeout(() => response.sendFile(FILE), LATE)));
onExpress(
  "redirect",
  (app) => app.use((_request, response) => void setTimeout(() => response.redirect("/"), LATE)),
  302,
);
onExpress("a promise", (app) =>
  app.use(async (_request, response) => {
    await sleep(LATE);
    response.send("x");
  }),
);
onExpress("next", (app) => app.use((_request, _response, next) => void setTimeout(next, LATE)), 404);
onExpress("an error", (app) => app.use((_request, _response, next) => void setTimeout(() => next(mine), LATE)), 500);
onExpress(
  "an error amid the body",
  (app) =>
    app.use((_request, response, next) => {
      response.write("part");
      setTimeout(() => next(mine), LATE);
    }),
  "cut",
  [/destroyed its response/],
);
onExpress("a stream", (app) => app.use((_request, response) => void Readable.from(parts()).pipe(response)));
onExpress("compression", (app) =>
  app.use(compression({ threshold: 0 })).use((_request, response) => {
    response.type("text").write("part");
    setTimeout(() => response.end("x"), LATE);
  }),
);
onExpress("late compression", (app) =>
  app.use(compression({ threshold: 0 })).use((_request, response) => {
    setTimeout(() => response.type("text").send("x".repeat(2000)), LATE);
  }),
);
onExpress("session", (app) =>
  app
    .use(session({ secret: "secret", resave: true, saveUninitialized: true }))
    .use((_request, response) => void setTimeout(() => response.send("x"), LATE)),
);
onExpress("both", (app) =>
  app
    .use(compression({ threshold: 0 }))
    .use(session({ secret: "secret", resave: true, saveUninitialized: true }))
    .use((_request, response) => void setTimeout(() => response.json({ a: "x".repeat(2000) }), LATE)),
);

// Connect, Koa, Fastify and Polka.
add(
  "Connect: a listener",
  connect().use((_request, response) => void setTimeout(() => response.end("x"), LATE)) as NodeHandler,
);
add("Connect: next", connect().use((_request, _response, next) => void setTimeout(next, LATE)) as NodeHandler, 404);

function onKoa(name: string, answer: (context: Context) => unknown, ...rest: [(number | "cut")?, RegExp[]?]): void {
  const app = new Koa();
  app.silent = true;
  app.use(async (context) => void (await answer(context)));
  add(`Koa: ${name}`, app as unknown as FrameworkApp, ...rest);
}
onKoa("a body", async (context) => {
  await sleep(LATE);
  context.body = "x";
});
onKoa("a stream", async (context) => {
  await sleep(EARLY / 2);
  context.body = Readable.from(parts());
});
onKoa("a stream of chunks", (context) => {
  const body = new PassThrough();
  context.body = body;
  body.write("part");
  setTimeout(() => body.end("rest"), LATE);
});
onKoa(
  "a stream that fails",
  (context) => {
    context.body = Readable.from(failing());
  },
  "cut",
  [/amid the body|destroyed its response/],
);
onKoa(
  "throw",
  async (context) => {
    await sleep(LATE);
    context.throw(422);
  },
  422,
);
onKoa("by hand", (context) => {
  context.respond = false;
  context.res.statusCode = 200;
  setTimeout(() => context.res.end("x"), LATE);
});

function onFastify(name: string, set: (app: FastifyInstance) => void, ...rest: [(number | "cut")?, RegExp[]?]): void {
  const app = Fastify();
  set(app);
  add(`Fastify: ${name}`, app as unknown as FrameworkApp, ...rest);
}
onFastify("send", (app) => app.get("/*", (_request, reply) => void setTimeout(() => reply.send("x"), LATE)));
onFastify("a promise", (app) =>
  app.get("/*", async () => {
    await sleep(LATE);
    return "x";
  }),
);
onFastify("a stream", (app) => app.get("/*", (_request, reply) => reply.send(Readable.from(parts()))));
onFastify(
  "a stream that fails",
  (app) => app.get("/*", (_request, reply) => reply.send(Readable.from(failing()))),
  "cut",
  [/amid the body|destroyed its response/],
);
onFastify(
  "an error",
  (app) =>
    app.get("/*", async () => {
      await sleep(LATE);
      throw mine;
    }),
  500,
);
onFastify("by hand", (app) =>
  app.get("/*", (_request, reply) => {
    reply.hijack();
    setTimeout(() => reply.raw.end("x"), LATE);
  }),
);

add(
  "Polka: end",
  polka().use((_request, response) => void setTimeout(() => response.end("x"), LATE)) as unknown as FrameworkApp,
);
add(
  "Polka: an error",
  polka().use((_request, _response, next) => void setTimeout(() => next(mine), LATE)) as unknown as FrameworkApp,
  500,
);
