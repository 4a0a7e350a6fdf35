/**
 * Every border between app, layers, gateway and host, each with a failure on it: nothing ends the process, the failure is
 * reported once, the response is whole or says that it is not, and the body is closed once.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { accessLog } from "../../middleware/access-log.ts";
import { balancer } from "../../middleware/balancer.ts";
import { bodyLimit } from "../../middleware/body-limit.ts";
import { cache } from "../../middleware/cache.ts";
import { cascade } from "../../middleware/cascade.ts";
import { compress } from "../../middleware/compress.ts";
import { concurrencyLimit } from "../../middleware/concurrency-limit.ts";
import { conditional } from "../../middleware/conditional.ts";
import { contentLength } from "../../middleware/content-length.ts";
import { cors } from "../../middleware/cors.ts";
import { decompress } from "../../middleware/decompress.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { errorPages } from "../../middleware/error-pages.ts";
import { failover } from "../../middleware/failover.ts";
import { head } from "../../middleware/head.ts";
import { hosts as byHost } from "../../middleware/hosts.ts";
import { inject } from "../../middleware/inject.ts";
import { lint } from "../../middleware/lint.ts";
import { metrics } from "../../middleware/metrics.ts";
import { mirror } from "../../middleware/mirror.ts";
import { problemDetails } from "../../middleware/problem-details.ts";
import { proxy } from "../../middleware/proxy.ts";
import { proxyFix } from "../../middleware/proxy-fix.ts";
import { range } from "../../middleware/range.ts";
import { rateLimit } from "../../middleware/rate-limit.ts";
import { requestId } from "../../middleware/request-id.ts";
import { rewriteHtml } from "../../middleware/rewrite-html.ts";
import { rewriteLinks } from "../../middleware/rewrite-links.ts";
import { router } from "../../middleware/router.ts";
import { sendFile } from "../../middleware/send-file.ts";
import { setHeaders } from "../../middleware/set-headers.ts";
import { shed } from "../../middleware/shed.ts";
import { type SseSource, sse } from "../../middleware/sse.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import { timeout } from "../../middleware/timeout.ts";
import { traceContext } from "../../middleware/trace-context.ts";
import { mapChunks, mapDocument, mapText, replaceBody, replaceText, transform } from "../../middleware/transform.ts";
import { websocket } from "../../middleware/websocket.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App, HeaderList } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { thereAndBack } from "../support/codings.ts";
import { asProblems, inContext } from "../support/context.ts";
import { allLetIn, asIfChunked, inSession, withToken } from "../support/guards.ts";
import { type Ask, everyHost } from "../support/hosts.ts";
import { eventually } from "../support/raw-client.ts";
import { allOwned } from "../support/unowned.ts";

const PLAIN: HeaderList = [["Content-Type", "text/plain"]];
const BOOM = "boom";
const boom = (): Error => new Error(BOOM);
const reject = (): Promise<never> => Promise.reject(boom());
const never = (): Promise<never> => new Promise(() => {});
const fail = (): never => {
  throw boom();
};

/** What becomes of a response where the client stays. */
type Ending = "whole" | "error" | "cut";

interface Failure {
  readonly app: App;
  readonly ending: Ending;
  /** Whether the failure is one that has to be reported where the client stays. */
  readonly isReported: boolean;
  /** Whether it is reported after the response. */
  readonly isLate?: boolean;
}

function closing(close: () => unknown, chunks: readonly string[] = ["a", "b"]): App {
  return (_environ, startResponse) => {
    startResponse("200 OK", PLAIN);
    const iterator = chunks.values();
    return { [Symbol.iterator]: () => iterator, close } as Iterable<string>;
  };
}

function iterating(iterator: Partial<AsyncIterator<string>>): App {
  return (_environ, startResponse) => {
    startResponse("200 OK", PLAIN);
    return { [Symbol.asyncIterator]: () => iterator as AsyncIterator<string> };
  };
}

/** An event stream under a type that layers change. */
function streaming(source: SseSource): App {
  const events = sse(source);
  return (environ, startResponse) => events(environ, (status, _headers, error) => startResponse(status, PLAIN, error));
}

const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

/** A server that dies amid each of its responses. */
const dying = createServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", () => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    setTimeout(() => socket.end(), 5);
  });
});
dying.listen(0, "127.0.0.1");
await once(dying, "listening");
after(() => dying.close());

const failures: Record<string, Failure> = {
  "a target that dies amid its response": {
    app: proxy(`http://127.0.0.1:${(dying.address() as AddressInfo).port}`),
    ending: "cut",
    isReported: false,
  },
  "a balanced target that dies amid its response": {
    app: balancer([`http://127.0.0.1:${(dying.address() as AddressInfo).port}`]),
    ending: "cut",
    isReported: false,
  },
  "an app that gets copies throws": { app: mirror(text("a"), fail), ending: "whole", isReported: true, isLate: true },
  "an app that gets copies fails amid its body": {
    app: mirror(text("a"), async function* (_environ, startResponse) {
      startResponse("200 OK", PLAIN);
      yield "a";
      fail();
    }),
    ending: "whole",
    isReported: true,
    isLate: true,
  },
  "the app throws": { app: fail, ending: "error", isReported: true },
  "the app rejects": { app: reject, ending: "error", isReported: true },
  "the app rejects late": {
    app: async () => {
      await sleep(5);
      fail();
    },
    ending: "error",
    isReported: true,
  },
  "the app throws a revoked proxy": {
    app: () => {
      throw revoked();
    },
    ending: "error",
    isReported: false,
  },
  "the app gives nothing": { app: async () => {}, ending: "error", isReported: false },
  "the app gives what is not a body": {
    app: (_environ, startResponse) => {
      startResponse("200 OK", PLAIN);
      return 5 as never;
    },
    ending: "error",
    isReported: false,
  },
  "the app gives a thenable that throws": {
    // biome-ignore lint/suspicious/noThenProperty: it is what the test is about.
    app: () => ({ then: fail }) as never,
    ending: "error",
    isReported: true,
  },
  "startResponse gets a bad status": {
    app: async (_environ, startResponse) => void startResponse("1000 No" as never, PLAIN),
    ending: "error",
    isReported: false,
  },
  "a generator throws in its first step": {
    app: function* () {
      yield fail();
    },
    ending: "error",
    isReported: true,
  },
  "an async generator throws in its first step": {
    app: async function* () {
      yield await reject();
    },
    ending: "error",
    isReported: true,
  },
  "an async layer around a generator that throws in its first step": {
    app: async (environ, startResponse) => {
      const inner: App = function* () {
        yield fail();
      };
      return inner(environ, startResponse);
    },
    ending: "error",
    isReported: true,
  },
  "write, then a bad body": {
    app: async (_environ, startResponse) => {
      await startResponse("200 OK", PLAIN)("a");
      return 5 as never;
    },
    ending: "cut",
    isReported: false,
  },
  "write, then a throw": {
    app: (_environ, startResponse) => {
      void startResponse("200 OK", PLAIN)("a");
      return fail();
    },
    ending: "cut",
    isReported: true,
  },
  "write, then a rejection": {
    app: async (_environ, startResponse) => {
      await startResponse("200 OK", PLAIN)("a");
      return reject();
    },
    ending: "cut",
    isReported: true,
  },
  "next throws": { app: iterating({ next: fail }), ending: "error", isReported: true },
  "next rejects": { app: iterating({ next: reject }), ending: "error", isReported: true },
  "a body fails amid": {
    app: async function* (_environ, startResponse) {
      startResponse("200 OK", PLAIN);
      yield "a";
      fail();
    },
    ending: "cut",
    isReported: true,
  },
  "close throws": { app: closing(fail), ending: "whole", isReported: true },
  "close never settles": { app: closing(never), ending: "whole", isReported: false },
  "a body fails, and its close never settles": {
    app: (_environ, startResponse) => {
      startResponse("200 OK", PLAIN);
      return { [Symbol.iterator]: () => ({ next: fail }), close: never } as Iterable<string>;
    },
    ending: "error",
    isReported: true,
  },
  "close rejects": { app: closing(reject), ending: "whole", isReported: true },
  "return throws": {
    app: iterating({ next: async () => ({ done: false, value: 5 as never }), return: fail }),
    ending: "error",
    isReported: false,
  },
  "events fail amid": {
    app: streaming(async function* () {
      yield "a";
      fail();
    }),
    ending: "cut",
    isReported: true,
  },
  "the step of an event throws": {
    app: streaming(() => ({ [Symbol.asyncIterator]: () => ({ next: fail, return: reject }) })),
    ending: "cut",
    isReported: true,
  },
  "an event is not one, and closing fails": {
    app: streaming(() => ({
      [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: 5 as never }), return: reject }),
    })),
    ending: "cut",
    isReported: false,
  },
  "there are no events": { app: streaming(reject), ending: "error", isReported: true },
  "a promise among the chunks": {
    app: (_environ, startResponse) => {
      startResponse("200 OK", PLAIN);
      return [reject(), reject()] as never;
    },
    ending: "error",
    isReported: false,
  },
  "a stream that cannot be opened": {
    app: (_environ, startResponse) => {
      startResponse("200 OK", PLAIN);
      return createReadStream("/nonexistent");
    },
    ending: "error",
    isReported: false,
  },
  "a Node stream that fails amid": {
    app: (_environ, startResponse) => {
      startResponse("200 OK", PLAIN);
      return Readable.from(
        (async function* () {
          yield "a";
          await sleep(5);
          fail();
        })(),
      );
    },
    ending: "cut",
    isReported: true,
  },
  "a web stream that fails, and whose cancel fails": {
    app: (_environ, startResponse) => {
      startResponse("200 OK", PLAIN);
      return new ReadableStream({ pull: reject, cancel: reject });
    },
    ending: "error",
    isReported: true,
  },
  "onAbort callbacks that throw and reject": {
    app: async (environ, startResponse) => {
      environ["tsgi.exchange"].onAbort?.(fail);
      environ["tsgi.exchange"].onAbort?.(reject as never);
      startResponse("200 OK", PLAIN);
      await sleep(20);
      return "a";
    },
    ending: "whole",
    isReported: false,
  },
  "listeners of the signal that throw": {
    app: async (environ, startResponse) => {
      const { signal } = environ["tsgi.exchange"];
      signal?.addEventListener("abort", fail);
      signal?.addEventListener("abort", { handleEvent: fail });
      if (signal !== undefined) signal.onabort = fail;
      startResponse("200 OK", PLAIN);
      await sleep(20);
      return "a";
    },
    ending: "whole",
    isReported: false,
  },
  "the log throws": {
    app: (environ) => {
      Object.assign(environ["tsgi.errors"], { write: fail });
      return fail();
    },
    ending: "error",
    isReported: false,
  },
};

/** An app that never passes a log on that a test has broken. */
const ownLog =
  (app: App): App =>
  (environ, startResponse) =>
    app({ ...environ, "tsgi.errors": { write: (written) => environ["tsgi.errors"].write(written) } }, startResponse);

/** The same as a page. */
const asPage =
  (app: App): App =>
  (environ, startResponse) =>
    app(environ, (status, headers, error) =>
      startResponse(
        status,
        headers.map(([name, value]) => (name.toLowerCase() === "content-type" ? [name, "text/html"] : [name, value])),
        error,
      ),
    );

/** Lets caches keep what an app answers. */
const shared =
  (app: App): App =>
  (environ, startResponse) =>
    app(environ, (status, headers, error) =>
      startResponse(status, [...headers, ["Cache-Control", "max-age=60"]], error),
    );

const layers: Record<string, (app: App) => App> = {
  bare: (app) => app,
  transform: (app) => transform(app, (response) => response),
  "an async transform": (app) => transform(app, async (response) => response),
  mapText: (app) =>
    transform(
      app,
      mapText("text/plain", (piece) => piece.toUpperCase()),
    ),
  mapChunks: (app) =>
    transform(
      app,
      mapChunks("text/plain", () => ({ chunk: (chunk) => chunk })),
    ),
  mapDocument: (app) =>
    transform(
      app,
      mapDocument("text/plain", (page) => page),
    ),
  "replaceText of a page without a charset": (app) => transform(asPage(app), replaceText("text/html", "zz", "y")),
  replaceBody: (app) =>
    transform(
      app,
      replaceBody("text/plain", async (bytes) => bytes),
    ),
  errorPages: (app) => errorPages(app, { "4xx": text("4xx"), "5xx": text("5xx") }),
  "head and contentLength": (app) => head(contentLength(app)),
  lint: (app) => lint(app),
  cascade: (app) => cascade([notFound, app]),
  "after sendFile and websocket": (app) =>
    cascade([sendFile("./missing"), failover([websocket({}), app], { statuses: [426] })]),
  "cascade, first": (app) => cascade([app, notFound]),
  "failover and mirror": (app) =>
    mirror(failover([text("down", { status: "503 Service Unavailable" }), failover([app, notFound])]), text("a copy")),
  dispatcher: (app) => dispatcher(app, { "/elsewhere": notFound }),
  router: (app) => router(app, { "GET /elsewhere": notFound }),
  hosts: (app) => byHost(app, { "elsewhere.example": notFound }),
  staticFiles: (app) => staticFiles(app, { "/elsewhere": "." }),
  cors,
  "all that observes": (app) =>
    accessLog(metrics(requestId(traceContext(app)), { process: false }), { to: { write() {} }, format: "json" }),
  proxyFix: (app) => proxyFix(app, { trust: 1 }),
  decompress: (app) => decompress(app),
  setHeaders: (app) => setHeaders(app, { A: () => "1", B: null }),
  cache: (app) => cache(shared(app)),
  inject: (app) => inject(asPage(app), { head: "[H]", body: "[B]" }),
  "rewriteHtml and rewriteLinks": (app) =>
    rewriteLinks(rewriteHtml(asPage(app), { "*": (element) => element.remove() }), { map: () => "/" }),
  bodyLimit: (app) => asIfChunked(bodyLimit(app, { limit: 1024 })),
  timeout: (app) => timeout(app, { after: 60_000 }),
  "limits of requests": (app) =>
    rateLimit(concurrencyLimit(shed(app, { delay: 60_000 }), { limit: 100 }), { limit: 10_000, window: 60_000 }),
  "all that guards": allLetIn,
  bearer: withToken,
  session: (app) => inSession(app, false),
  "a stored session": (app) => inSession(app, true),
  "all that is context": inContext,
  problemDetails: asProblems,
  "conditional and range": (app) => range(conditional(app)),
  compress: (app) => thereAndBack(compress(app, { threshold: 0 }), "gzip"),
  "two transforms and a cascade": (app) =>
    transform(cascade([transform(app, (response) => response), notFound]), async (response) => response),
};

/** Layers that send nothing before they have seen all, or the beginning, of a body. */
const WHOLE = new Set([
  "mapDocument",
  "compress",
  "replaceBody",
  "replaceText of a page without a charset",
  "head and contentLength",
]);

const hosts = await everyHost();

const count = (errors: readonly string[]): number => errors.join("").split(`Error: ${BOOM}`).length - 1;

for (const [where, ask] of Object.entries(hosts)) {
  for (const [around, wrap] of Object.entries(layers)) {
    test(`borders: under ${where}, in ${around}, each failure is answered and reported once`, () =>
      allOwned(async () => {
        await Promise.all(
          Object.entries(failures).map(async ([what, { app, ending, isReported, isLate }]) => {
            const { answer, errors } = await ask(wrap(ownLog(app)));
            const place = `${what}: ${JSON.stringify(answer)}, reported ${JSON.stringify(errors)}`;
            if (isReported) {
              await eventually(() => count(errors) > 0).catch(() => assert.fail(place));
              await sleep(1);
              assert.equal(count(errors), 1, place);
            }
            // A document is not sent before all of it is there, and a client of tests gets the error of the app.
            const isWhole = WHOLE.has(around);
            const isBefore = ending === "error" || (isWhole && ending === "cut");
            if (where === "testing") {
              if (ending === "whole" && (!isReported || isLate)) assert.equal(answer?.status, 200, place);
              else assert.ok(answer === undefined || answer.isCut, place);
            } else if (isBefore) assert.equal(answer?.status, 500, place);
            else if (ending === "cut") assert.ok(answer === undefined || answer.isCut, place);
            else assert.deepEqual([answer?.status, answer?.isCut], [200, false], place);
          }),
        );
      }));

    test(`borders: under ${where}, in ${around}, a client may leave at any moment`, () =>
      allOwned(async () => {
        for (const moment of [0, 2, 7]) {
          await Promise.all(Object.values(failures).map(({ app }) => ask(wrap(ownLog(app)), { leaveAfter: moment })));
        }
        // What waits for a while goes on without the client.
        await sleep(30);
      }));
  }
}

/** What sends another body than that of its app, for a request with these headers. */
const replacing: Record<string, (app: App) => App> = {
  cascade: (app) => cascade([app, text("other")]),
  failover: (app) => failover([app, text("other")], { statuses: [404] }),
  "transform, a body that is known": (app) => transform(app, (response) => ({ ...response, body: "other" })),
  "transform, a stream": (app) => transform(app, (response) => ({ ...response, body: new Set(["other"]) })),
  "transform, a change that fails": (app) => cascade([errorPages(transform(app, fail), { "5xx": text("other") })]),
  "transform, a bad header": (app) =>
    errorPages(
      transform(app, (response) => ({ ...response, headers: [["a b", ""]] })),
      { "5xx": text("other") },
    ),
  errorPages: (app) => errorPages(app, { "4xx": text("other") }),
  problemDetails: (app) => problemDetails(app, { always: true, describe: () => JSON.parse('"other"') }),
};

for (const [around, wrap] of Object.entries(replacing)) {
  test(`borders: ${around} does not wait for a body that it drops`, async () => {
    const app: App = (_environ, startResponse) => {
      startResponse("404 Not Found", PLAIN);
      return Object.assign(new Set(["a"]), { close: never });
    };
    const { answer } = await (hosts.toFetch as Ask)(wrap(app));
    assert.match(answer?.body ?? "", /^"?other"?$/);
  });
}

test("borders: a HEAD and a 304 do not wait for the body of their GET", async () => {
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", [...PLAIN, ["ETag", '"a"']]);
    return Object.assign(new Set(["a"]), { close: never });
  };
  for (const wrap of [head, compress, (inner: App) => transform(inner, mapText("text/plain", String))]) {
    assert.equal((await request(wrap(app), "/", { method: "HEAD", lint: false })).status, 200);
  }
  const response = await request(conditional(app), "/", { headers: { "If-None-Match": '"a"' }, lint: false });
  assert.equal(response.status, 304);
});

test("borders: the servers still answer", async () => {
  for (const ask of Object.values(hosts)) {
    const { answer } = await ask(lint(text("well")));
    assert.deepEqual([answer?.status, answer?.body, answer?.isCut], [200, "well", false]);
  }
});
