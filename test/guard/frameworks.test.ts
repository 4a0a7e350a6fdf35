import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { posix } from "node:path";
import { test } from "node:test";
import KoaRouter from "@koa/router";
import connect from "connect";
import { Elysia } from "elysia";
import express from "express";
import Fastify, { type FastifyServerOptions } from "fastify";
import { H3 } from "h3";
import { Hono } from "hono";
import { AutoRouter } from "itty-router";
import Koa from "koa";
import serveKoa from "koa-static";
import polka from "polka";
import serveStatic from "serve-static";
import sirv from "sirv";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { router } from "../../middleware/router.ts";
import { fromFetch } from "../../src/adapters/from-fetch.ts";
import { type FrameworkApp, fromNode } from "../../src/adapters/from-node.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { canonicalPath, escapeNonAscii } from "../../src/http/path.ts";
import { fileTree } from "../support/file-tree.ts";
import { start } from "../support/raw-client.ts";
import { bodyOf } from "../support/transcript.ts";

const SECRET = "the secret";
const files = await fileTree({ "admin/secret.txt": SECRET, "x/open.txt": "open", "open.txt": "open" });

/** Whether a parameter, which frameworks decode, is the name of a secret file for somebody who joins it to a folder. */
function namesSecret(name = ""): boolean {
  return posix.normalize(`/${name.replaceAll("\\", "/")}`).startsWith("/admin/");
}

const answerTo = (name: string | undefined): string => (namesSecret(name) ? SECRET : "open");

/** Reads a path in every way that its guard does not. */
function careless(request: IncomingMessage, response: ServerResponse): void {
  const [path = ""] = (request.url as string).split("?");
  try {
    response.end(answerTo(decodeURIComponent(path.replace(/;[^/]*/g, ""))));
  } catch {
    response.writeHead(400).end();
  }
}

function ofExpress(): App {
  // Elsewhere it prints the stack of each error.
  const app = express().set("env", "test");
  app.use("/admin", (_request, response) => void response.send(SECRET));
  app.get("/:name", (request, response) => response.sendFile(request.params.name, { root: files }));
  app.get(
    "/:folder/:name",
    (request, response) => void response.send(answerTo(Object.values(request.params).join("/"))),
  );
  return fromNode(app);
}

function ofKoa(): App {
  const routes = new KoaRouter();
  routes.all("/admin/{*rest}", (context) => {
    context.body = SECRET;
  });
  routes.get("/:name", (context) => {
    context.body = answerTo(context.params.name);
  });
  return fromNode(new Koa().use(routes.routes()) as unknown as FrameworkApp);
}

function ofFastify(options: FastifyServerOptions = {}): App {
  const app = Fastify(options);
  app.get("/admin/*", (_request, reply) => reply.send(SECRET));
  app.get("/:name", (request, reply) => reply.send(answerTo((request.params as { name: string }).name)));
  return fromNode(app as unknown as FrameworkApp);
}

function ofPolka(): App {
  const app = polka();
  app.use("/admin", (_request, response) => void response.end(SECRET));
  app.get("/:name", (request, response) => void response.end(answerTo(String(request.params.name))));
  return fromNode(app as unknown as FrameworkApp);
}

function ofHono(): App {
  const app = new Hono();
  app.get("/admin/*", (context) => context.text(SECRET));
  return fromFetch(app.get("/:name", (context) => context.text(answerTo(context.req.param("name")))));
}

function ofH3(): App {
  const app = new H3({ silent: true });
  app.get("/admin/**", () => SECRET);
  return fromFetch(app.get("/:name", (event) => answerTo(event.context.params?.name)));
}

function ofElysia(): App {
  const app = new Elysia();
  app.get("/admin/*", () => SECRET);
  return fromFetch(app.get("/:name", ({ params }) => answerTo(params.name)));
}

function ofItty(): App {
  const app = AutoRouter();
  app.get("/admin/*", () => new Response(SECRET));
  return fromFetch(
    app.get(
      "/:name",
      (request: { params: { name: string } }) => new Response(answerTo(decodeURIComponent(request.params.name))),
    ),
  );
}

/** A site of each framework with a secret at `/admin/secret.txt`, which it serves to every client. */
const SITES: Readonly<Record<string, App>> = {
  "a careless listener": fromNode(careless),
  Express: ofExpress(),
  "express.static": fromNode(express().set("env", "test").use(express.static(files))),
  // Its `use("/admin")` takes `/admin.x` too, which is not a spelling of `/admin` but a rule of its own.
  Connect: fromNode(connect().use("/admin/secret.txt", (_request, response) => void response.end(SECRET))),
  "serve-static": fromNode(connect().use(serveStatic(files))),
  Koa: ofKoa(),
  "koa-static": fromNode(new Koa().use(serveKoa(files)) as unknown as FrameworkApp),
  Fastify: ofFastify(),
  "Fastify, as forgiving as it can be": ofFastify({
    routerOptions: {
      caseSensitive: false,
      ignoreDuplicateSlashes: true,
      ignoreTrailingSlash: true,
      useSemicolonDelimiter: true,
    } as FastifyServerOptions["routerOptions"] & object,
  }),
  Polka: ofPolka(),
  sirv: fromNode(sirv(files, { dev: true })),
  Hono: ofHono(),
  h3: ofH3(),
  Elysia: ofElysia(),
  "itty-router": ofItty(),
};

const BEFORE = [
  ...["", "/", "//", "/.", "/x/..", "/x//..", "/%2e", "/x/%2e%2e", "/..", "/;", "/.;", "/..;", "/x/..;", "/;x=1", "/%"],
  ...["/%2f", "/%2F", "/.%2f", "/..%2f", "/x%2f..", "/x%2f%2e%2e", "/x%2f..%2f", "/x%2f%2f..%2f", "/%2e%2e%2f"],
  ...[
    "/%5c",
    "/\\",
    "/\\\\",
    "/x%5c..",
    "/x\\..\\",
    "/x%5c%2e%2e%5c",
    "/%5c%2f",
    "/%252f",
    "/x%252f..%252f",
    "/%c0%af",
  ],
  ...["/%c0%ae%c0%ae", "/%u002f", "/%00", "/%20", "/%09", "/%ff", "/\uff0f", "/\u2215", "/x?/../", "/x#"],
];
const NAMES = [
  ...["admin", "%61dmin", "%61%64%6d%69%6e", "%2561dmin", "a%64min", "admin.", "admin%20", "admin%00", "admin;x"],
  ...["admin;x=/..", "ad%6Din%2e", "./admin", ".%2fadmin", "x/../admin", "x%2f..%2fadmin", "x%5c..%5cadmin"],
];
const SEPARATORS = [
  ...["/", "//", "/./", "/x/../", "%2f", "%2F", "%2f%2f", "/%2f", "%2f/", "%2f.%2f", "%2fx%2f..%2f", "/.%2f"],
  ...["%5c", "\\", "/\\", "%5c%5c", "%2f%5c", ";/", ";x/", ";x=1%2f", "%252f", "%255c", "%c0%af", "%u002f", "%00/"],
  ...["%2fx%5c..%5c", "/..;/admin/", "%3b/", "\uff0f", "?/", "%3f/", "%23/"],
];
const FILES = [
  "secret.txt",
  "%73ecret.txt",
  "secret%2etxt",
  "secret.txt/",
  "secret.txt%2f",
  "secret.txt;x",
  "x/..%2fsecret.txt",
];

/** One spelling of each path that servers let through, by the path that apps get. */
const SPELLINGS: ReadonlyMap<string, string> = new Map(
  [
    ...BEFORE.flatMap((before) => SEPARATORS.map((separator) => `${before}/admin${separator}secret.txt`)),
    ...BEFORE.flatMap((before) => NAMES.map((name) => `${before}${name}/secret.txt`)),
    ...NAMES.flatMap((name) => SEPARATORS.map((separator) => `/${name}${separator}secret.txt`)),
    ...SEPARATORS.flatMap((separator) => FILES.map((file) => `/admin${separator}${file}`)),
  ].flatMap((spelling) => {
    const path = canonicalPath(pathOf(spelling));
    return path === undefined || path.startsWith("/admin/") ? [] : [[path, spelling] as const];
  }),
);

function pathOf(url: string): string {
  return escapeNonAscii(url)?.split("?")[0] as string;
}

const guard = text("guard");

/** Where a guard and a site can stand, and at which mount. */
const PLACES: Readonly<Record<string, [mount: string, make: (site: App) => App]>> = {
  "as the fallback of a dispatcher": ["", (site) => dispatcher(site, { "/admin": guard })],
  "mounted below": ["/site", (site) => dispatcher(notFound, { "/site": dispatcher(site, { "/admin": guard }) })],
  "mounted at the root": ["", (site) => dispatcher(notFound, { "/": site, "/admin": guard })],
  "mounted beside a longer mount": ["/site", (site) => dispatcher(notFound, { "/site": site, "/site/admin": guard })],
  "as the fallback of a router": ["", (site) => router(site, { "/admin{/*rest}": guard })],
};

/** Asks without `lint`, which would make thousands of requests slow. */
async function answerOf(app: App, url: string, environ = {}): Promise<string> {
  return bodyOf(app, url, { lint: false, environ });
}

for (const [name, site] of Object.entries(SITES)) {
  test(`guard: ${name} serves its secret to those who get there`, async () => {
    assert.equal(await answerOf(site, "/admin/secret.txt"), SECRET);
  });

  // The careless one reads paths in all the ways of the others, so for these two places will do.
  const places = Object.entries(PLACES).slice(0, name === "a careless listener" ? undefined : 2);
  for (const [place, [mount, make]] of places) {
    test(`guard: no spelling of a path reaches the secret of ${name}, ${place}`, async () => {
      const app = make(site);
      assert.equal(await answerOf(app, `${mount}/admin/secret.txt`), "guard");
      for (const spelling of SPELLINGS.values()) {
        assert.notEqual(await answerOf(app, mount + spelling), SECRET, mount + spelling);
      }
    });
  }

  test(`guard: no run of slashes that is kept reaches the secret of ${name}`, async () => {
    for (const [, [mount, make]] of places) {
      const app = make(site);
      for (const spelling of SPELLINGS.values()) {
        const sent = pathOf(mount + spelling);
        const path = canonicalPath(sent, false);
        if (path?.includes("//")) {
          assert.notEqual(await answerOf(app, "/", { PATH_INFO: path, REQUEST_URI: sent }), SECRET, path);
        }
      }
    }
  });
}

test("guard: no request in absolute form reaches a secret", async (t) => {
  for (const [name, site] of Object.entries(SITES)) {
    const { connect: open } = await start(t, dispatcher(site, { "/admin": guard }));
    for (const target of [
      "http://localhost/admin/secret.txt",
      "http://elsewhere.example//admin/secret.txt",
      "HTTP://localhost:1/x/..%2fadmin/secret.txt",
      "https://admin/../admin%2fsecret.txt",
    ]) {
      const client = await open();
      client.send(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      assert.doesNotMatch(await client.all(), new RegExp(SECRET), `${name} ${target}`);
    }
  }
});

/** `/admin/secret.txt` and `/staff/keys.txt` in letters that are the same if case is folded. */
const FOLDED = [
  "/ADMIN/secret.txt",
  "/Admin/secret.txt",
  "/%41dmin/secret.txt",
  "/x/../aDMIN/secret.txt",
  "/ADMIN%2Fsecret.txt",
];

for (const name of ["Express", "Connect", "Koa", "Fastify, as forgiving as it can be"]) {
  test(`guard: no case of letters reaches the secret of ${name} past a guard that ignores case`, async () => {
    const site = SITES[name] as App;
    assert.equal(await answerOf(site, "/ADMIN/secret.txt"), SECRET);
    for (const app of [
      dispatcher(site, { "/admin": guard }, { caseSensitive: false }),
      dispatcher(notFound, { "/": site, "/AdMin{/*rest}": guard }, { caseSensitive: false }),
      router(site, { "/Admin{/*rest}": guard }, { caseSensitive: false }),
    ]) {
      for (const spelling of FOLDED) assert.notEqual(await answerOf(app, spelling), SECRET, spelling);
      assert.equal(await answerOf(app, "/ADMIN/secret.txt"), "guard");
    }
  });
}

test("guard: letters beyond ASCII that are the same in another case do not pass a guard that ignores case", async () => {
  const fastify = Fastify({ routerOptions: { caseSensitive: false } });
  fastify.get("/keys/caf\u00e9/*", (_request, reply) => reply.send(SECRET));
  const site = fromNode(fastify as unknown as FrameworkApp);
  assert.equal(await answerOf(site, "/%E2%84%AAeys/CAF%C3%89/x"), SECRET);
  for (const key of ["/keys/caf\u00e9", "/KEYS/CAF\u00c9", "/keys{/:x}"]) {
    const app = dispatcher(site, { [key]: guard }, { caseSensitive: false });
    for (const spelling of ["/keys/caf%c3%a9/x", "/%E2%84%AAeys/CAF%C3%89/x", "/Keys/caf%C3%89/x"]) {
      assert.equal(await answerOf(app, spelling), "guard", key + spelling);
    }
  }
});
