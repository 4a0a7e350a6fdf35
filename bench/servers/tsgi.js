import { fromFetch, fromNode, notFound, readBytes, serve } from "tsgi";
import { accessLog, dispatcher, metrics, requestId, traceContext } from "tsgi/middleware";
import { certificate } from "./certificate.js";
import { CHUNK, CHUNKS, HELLO, report, USERS } from "./report.js";

const plain = [["Content-Type", "text/plain"]];

function* chunks() {
  for (let index = 0; index < CHUNKS; index++) yield CHUNK;
}

function site(environ, startResponse) {
  switch (environ.PATH_INFO) {
    case "/json":
      startResponse("200 OK", [["Content-Type", "application/json"]]);
      return JSON.stringify(USERS);
    case "/echo":
      return echo(environ, startResponse);
    case "/chunks":
      startResponse("200 OK", [["Content-Type", "application/octet-stream"]]);
      return chunks();
    default:
      startResponse("200 OK", plain);
      return HELLO;
  }
}

async function echo(environ, startResponse) {
  const body = await readBytes(environ);
  startResponse("200 OK", plain);
  return body;
}

function mounted(count) {
  return dispatcher(
    notFound,
    // Counted down, so that the one that is asked for is the last.
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`/mount${count - 1 - index}`, site])),
  );
}

function wrapped(count) {
  let app = site;
  for (let index = 0; index < count; index++) {
    const inner = app;
    app = (environ, startResponse) => inner(environ, startResponse);
  }
  return app;
}

const LOG = `${process.env.BENCH_FOLDER}/access-${process.pid}.log`;

/** What is seen of a site, one kind at a time, or all. */
const OBSERVED = {
  log: (app) => accessLog(app, { to: LOG, format: "combined" }),
  json: (app) => accessLog(app, { to: LOG, format: "json" }),
  metrics: (app) => metrics(app),
  id: (app) => requestId(app),
  trace: (app) => traceContext(app),
  all: (app) => accessLog(metrics(requestId(traceContext(app))), { to: LOG, format: "json" }),
};

/** The app of a framework, as its own server has it. */
async function adapted(name) {
  const { app } = await import(`./apps/${name}.js`);
  if (name === "hono" || name === "h3") return fromFetch(app, { globals: variant === "app" });
  return fromNode(app);
}

const [variant, of] = (process.argv[2] ?? "").split(":");
const apps = {
  mounts: () => mounted(Number(of)),
  middlewares: () => wrapped(Number(of)),
  observed: () => OBSERVED[of](site),
  app: () => adapted(of),
  plain: () => adapted(of),
};
const options = {
  https: () => ({ tls: certificate() }),
  http2: () => ({ http2: true }),
  http2tls: () => ({ http2: true, tls: certificate() }),
  // Longer than it takes to open them.
  idle: () => ({ headersTimeout: 120_000, keepAliveTimeout: 120_000 }),
};
const app = await (apps[variant]?.() ?? site);
report((await serve(app, { port: 0, ...options[variant]?.() })).port);
