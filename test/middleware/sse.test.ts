import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { compress } from "../../middleware/compress.ts";
import { conditional } from "../../middleware/conditional.ts";
import { cors } from "../../middleware/cors.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { range } from "../../middleware/range.ts";
import { type SseEvent, type SseEvents, sse } from "../../middleware/sse.ts";
import { timeout } from "../../middleware/timeout.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import { toNode } from "../../src/adapters/to-node.ts";
import { html } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { serve } from "../../src/server/serve.ts";
import { request } from "../../src/testing.ts";
import { launch, skip } from "../support/browser.ts";
import { decode } from "../support/codings.ts";
import { seen } from "../support/file-tree.ts";
import { eventually, start } from "../support/raw-client.ts";
import { allOwned } from "../support/unowned.ts";

const HEADERS = { "cache-control": "no-store", "content-type": "text/event-stream", "x-accel-buffering": "no" };
const never = (): Promise<never> => new Promise(() => {});

/** What comes after the opening. */
async function sent(...events: (SseEvent | string)[]): Promise<string> {
  return (await (await request(sse(events), "/")).text()).replace(/^:\n\n/, "");
}

/** Reads a stream by the standard: what its listeners get. */
function parse(stream: string): { event: string; data: string; id: string }[] {
  const events: { event: string; data: string; id: string }[] = [];
  let [data, event, id] = ["", "", ""];
  for (const line of stream.split(/\r\n|\r|\n/)) {
    const [, field = "", value = ""] = /^([^:]*)(?:: ?([\s\S]*))?$/.exec(line) ?? [];
    if (line === "") {
      if (data !== "") events.push({ event: event || "message", data: data.slice(0, -1), id });
      [data, event] = ["", ""];
    } else if (field === "data") data += `${value}\n`;
    else if (field === "event") event = value;
    else if (field === "id" && !value.includes("\0")) id = value;
  }
  return events;
}

/** GHSA-4hxc-9384-m385 and GHSA-22cc-p3c6-wpvm of h3, GHSA-p6xx-57qc-3wxr of Hono. */
for (const end of ["\n", "\r", "\r\n", "\n\n", "\r\r"]) {
  const attack = `x${end}event: admin${end}data: forged${end}${end}data: again`;

  test(`sse: ${JSON.stringify(end)} in data stays in the data`, async () => {
    for (const event of [attack, { data: attack }, { data: { text: attack } }]) {
      const [first, ...others] = parse(await sent(event, { event: "next", data: "2" }));
      const data = typeof event === "object" && typeof event.data === "object" ? JSON.stringify(event.data) : attack;
      assert.deepEqual(first, { event: "message", data: data.replace(/\r\n?/g, "\n"), id: "" });
      assert.deepEqual(others, [{ event: "next", data: "2", id: "" }]);
    }
  });

  test(`sse: ${JSON.stringify(end)} in a comment stays in the comment`, async () => {
    assert.deepEqual(parse(await sent({ comment: attack, data: "1" })), [{ event: "message", data: "1", id: "" }]);
  });

  for (const field of ["id", "event"]) {
    test(`sse: ${JSON.stringify(end)} in ${field} cuts the stream, and nothing of it is sent`, async () => {
      let closed = 0;
      async function* events() {
        try {
          yield "1";
          yield { data: "2", [field]: attack };
        } finally {
          closed++;
        }
      }
      const response = await request(sse(events()), "/");
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      assert.equal(String(Buffer.from((await reader.read()).value ?? [])), ":\n\n");
      assert.equal(String(Buffer.from((await reader.read()).value ?? [])), "data: 1\n\n");
      await assert.rejects(reader.read(), { code: "TSGI_BAD_EVENT" });
      assert.equal(closed, 1);
    });
  }
}

test("sse: the fields of events are sent as the standard has them", async () => {
  assert.equal(
    await sent(
      "text",
      "",
      " two\nlines ",
      { id: "7", event: "tick", retry: 500, comment: "a word", data: { a: [1, null] } },
      { id: "", data: "" },
      { comment: "alone" },
      { data: 5 },
      {},
    ),
    "data: text\n\ndata: \n\ndata:  two\ndata: lines \n\n: a word\nretry: 500\nid: 7\nevent: tick\n" +
      'data: {"a":[1,null]}\n\nid: \ndata: \n\n: alone\n\ndata: 5\n\n',
  );
});

test("sse: what is not an event cuts the stream", async () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const wrong = [5, null, undefined, { retry: -1 }, { retry: "5" }, { retry: Number.NaN }, { id: 5 }, { event: null }];
  for (const event of [...wrong, { comment: 1 }, { data: circle }, { data: 5n }, { data() {} }, { id: "a\0b" }]) {
    const response = await request(sse([event as never]), "/");
    await assert.rejects(response.text(), { code: "TSGI_BAD_EVENT" });
  }
});

test("sse: the head says how the stream is to be treated, and how soon to connect again", async () => {
  const app = sse(["1"], { retry: 2000 });
  assert.deepEqual(await seen(await request(app, "/")), {
    status: 200,
    headers: HEADERS,
    body: "retry: 2000\n\ndata: 1\n\n",
  });
  assert.deepEqual(await seen(await request(app, "/", { method: "HEAD" })), {
    status: 200,
    headers: HEADERS,
    body: "",
  });
});

test("sse: the source is given the last id, and the environ", async () => {
  const app = sse((last, { PATH_INFO }) => [`${last} ${PATH_INFO}`]);
  const ask = async (headers: Record<string, string>) => (await request(app, "/a", { headers })).text();
  assert.equal(await ask({}), ":\n\ndata: undefined /a\n\n");
  assert.equal(await ask({ "Last-Event-ID": "7" }), ":\n\ndata: 7 /a\n\n");
  assert.equal(await ask({ "Last-Event-ID": "" }), ":\n\ndata:  /a\n\n");
  const utf8 = Buffer.from("é☃").toString("latin1");
  assert.equal(await ask({ "Last-Event-ID": utf8 }), ":\n\ndata: é☃ /a\n\n");
  assert.equal(await ask({ "Last-Event-ID": "\xe9" }), ":\n\ndata: \xe9 /a\n\n");
});

test("sse: nothing in place of events is a 204, and browsers do not come again", async () => {
  for (const source of [() => null, async () => undefined]) {
    assert.deepEqual(await seen(await request(sse(source), "/")), {
      status: 204,
      headers: { "cache-control": "no-store" },
      body: "",
    });
  }
});

test("sse: what the source throws or rejects with comes before the head", async () => {
  const boom = () => {
    throw new Error("boom");
  };
  await assert.rejects(request(sse(boom), "/"), { message: "boom" });
  await assert.rejects(
    request(
      sse(async () => boom()),
      "/",
    ),
    { message: "boom" },
  );
  for (const wrong of ["text", 5, {}])
    await assert.rejects(
      request(
        sse(() => wrong as never),
        "/",
      ),
      { code: "TSGI_BAD_EVENT" },
    );
});

test("sse: what events fail with cuts the stream, once it has begun", async () => {
  const failing: Record<string, () => SseEvents> = {
    generator: function* () {
      yield "1";
      throw new Error("boom");
    },
    "async generator": async function* () {
      yield "1";
      throw new Error("boom");
    },
    iterator: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("boom")) }) }),
    "node stream": () =>
      Readable.from(
        (async function* () {
          yield "1";
          throw new Error("boom");
        })(),
      ),
    "web stream": () => new ReadableStream({ pull: () => Promise.reject(new Error("boom")) }),
  };
  for (const [kind, make] of Object.entries(failing)) {
    await allOwned(async () => {
      const response = await request(sse(make), "/");
      await assert.rejects(response.text(), { message: "boom" }, kind);
    });
  }
});

test("sse: streams of Node and of the web are sources too", async () => {
  for (const make of [
    () => Readable.from(["1", { data: 2 }]),
    () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue("1");
          controller.enqueue({ data: 2 });
          controller.close();
        },
      }) as unknown as SseEvents,
  ]) {
    assert.equal(await (await request(sse(make), "/")).text(), ":\n\ndata: 1\n\ndata: 2\n\n");
  }
});

test("sse: where no event comes, a heartbeat does, again and again", async () => {
  let release = (): void => {};
  async function* events() {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    yield "late";
  }
  const response = await request(sse(events(), { heartbeat: 1 }), "/");
  let text = "";
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk);
    if (text === ":\n\n".repeat(4)) release();
  }
  assert.match(text, /^(:\n\n){4,}data: late\n\n$/);
});

test("sse: a wait of many heartbeats listens to its promise once", async () => {
  let listeners = 0;
  const pending = {
    // biome-ignore lint/suspicious/noThenProperty: it counts who waits.
    then(resolve: (step: { done: true; value: undefined }) => void) {
      listeners++;
      setTimeout(() => resolve({ done: true, value: undefined }), 30);
    },
  };
  const events = { [Symbol.asyncIterator]: () => ({ next: () => pending as never }) };
  assert.match(await (await request(sse(events, { heartbeat: 2 }), "/")).text(), /^(:\n\n){3,}$/);
  assert.equal(listeners, 1);
});

/** Events that never end, and what became of them. */
function endless() {
  const state = { given: 0, closed: 0 };
  async function* events(_last: string | undefined, environ: Parameters<App>[0]) {
    const { signal } = environ["tsgi.exchange"];
    try {
      for (;;) {
        state.given++;
        yield "x".repeat(1000);
        if (state.given % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
        if (signal?.aborted) return;
      }
    } finally {
      state.closed++;
    }
  }
  return { state, events };
}

test("sse: the next event is asked for when there is room, and a client that leaves closes the events", async (t) => {
  const { state, events } = endless();
  const { connect } = await start(t, sse(events));
  const client = await connect();
  client.socket.pause();
  client.get("/");
  await eventually(() => state.given > 10);
  let before = -1;
  // What the kernel takes has an end.
  await eventually(() => {
    const isStill = before === state.given;
    before = state.given;
    return isStill;
  });
  assert.equal(state.closed, 0);
  client.socket.destroy();
  await eventually(() => state.closed === 1);
});

for (const [what, make] of Object.entries({
  "an iterator": (closed: () => void): SseEvents => ({
    [Symbol.asyncIterator]: () => ({
      next: never,
      async return() {
        closed();
        return { done: true, value: undefined };
      },
    }),
  }),
  "a Node stream": (closed: () => void): SseEvents =>
    new Readable({
      objectMode: true,
      read() {},
      destroy(_error, callback) {
        closed();
        callback(null);
      },
    }),
  "a web stream": (closed: () => void): SseEvents => new ReadableStream({ cancel: closed }) as unknown as SseEvents,
})) {
  test(`sse: ${what} that gives nothing is closed when its client leaves, before the first event and for HEAD too`, async () => {
    let closed = 0;
    const app = sse(() => make(() => void closed++));
    const client = new AbortController();
    const response = await request(app, "/", { signal: client.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    const rest = reader.read();
    rest.catch(() => {});
    client.abort();
    await eventually(() => closed === 1);
    await request(app, "/", { method: "HEAD" });
    await eventually(() => closed === 2);
    const failing: App = (environ) =>
      app(environ, () => {
        throw new Error("refused");
      });
    await assert.rejects(request(failing, "/", { lint: false }), { message: "refused" });
    await eventually(() => closed === 3);
  });
}

test("sse: a generator that waits by the signal ends when its client leaves", async () => {
  let hasBegun = false;
  let isClosed = false;
  async function* events(_last: string | undefined, environ: Parameters<App>[0]) {
    hasBegun = true;
    try {
      await new Promise((resolve) => environ["tsgi.exchange"].signal?.addEventListener("abort", resolve));
      yield "nobody gets it";
    } finally {
      isClosed = true;
    }
  }
  const client = new AbortController();
  const response = await request(sse(events), "/", { signal: client.signal });
  response.text().catch(() => {});
  await eventually(() => hasBegun);
  client.abort();
  await eventually(() => isClosed);
});

test("sse: layers that hold bytes back pass each event on", async () => {
  const layers: Record<string, (app: App) => App> = {
    compress: (app) => compress(app, { eventStreams: true }),
    "compress, untouched": (app) => compress(app),
    "conditional and range": (app) => range(conditional(app)),
    timeout: (app) => timeout(app, { after: 60_000 }),
    transform: (app) =>
      transform(
        app,
        mapText("text/html", (text) => text),
      ),
    "all of them": (app) => compress(range(conditional(timeout(cors(app), { after: 60_000 }))), { eventStreams: true }),
    "there and back by Node": (app) => fromNode(toNode(app)),
  };
  for (const [what, wrap] of Object.entries(layers)) {
    const waiting: (() => void)[] = [];
    async function* events() {
      for (const event of ["one", "two", "three"]) {
        yield event;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    }
    const response = await request(wrap(sse(events(), { heartbeat: 0 })), "/", {
      headers: { "Accept-Encoding": "gzip" },
    });
    assert.equal(response.status, 200);
    const coding = response.headers.get("Content-Encoding");
    const parts: Uint8Array[] = [];
    const read = (async () => {
      for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) parts.push(part);
    })();
    // Each event is there while the next one is not, so nothing waits for it.
    for (let count = 1; count <= 3; count++) {
      await eventually(() => waiting.length === count);
      const before = parts.length;
      await eventually(() => Buffer.concat(parts).length > 0 && (coding === null || parts.length >= before));
      if (coding === null) {
        await eventually(() =>
          Buffer.concat(parts)
            .toString()
            .endsWith(`data: ${["one", "two", "three"][count - 1]}\n\n`),
        );
      } else await eventually(() => parts.length > count);
      waiting[count - 1]?.();
    }
    await read;
    const text = decode(coding, Buffer.concat(parts)).toString();
    assert.equal(text.replace(/^:\n\n/, ""), "data: one\n\ndata: two\n\ndata: three\n\n", what);
  }
});

test("sse: a server that closes ends the stream as a whole, tells its source, and answers nothing after it", async (t) => {
  let isClosed = false;
  async function* events(_last: string | undefined, environ: Parameters<App>[0]) {
    try {
      yield "1";
      await new Promise((resolve) => environ["tsgi.exchange"].signal?.addEventListener("abort", resolve));
    } finally {
      isClosed = true;
    }
  }
  const { server, connect } = await start(t, sse(events));
  const client = await connect();
  await client.get("/").until("data: 1");
  await server.close();
  assert.match(await client.all(), /data: 1\n\n\r\n0\r\n\r\n$/);
  assert.equal(isClosed, true);
});

test("sse: over HTTP/2 each event comes by itself too, and the stream ends with the server", async (t) => {
  async function* events(_last: string | undefined, environ: Parameters<App>[0]) {
    yield "1";
    await new Promise((resolve) => environ["tsgi.exchange"].signal?.addEventListener("abort", resolve));
  }
  const server = await serve(sse(events), { port: 0, http2: true });
  const session = connect(server.url);
  t.after(() => session.destroy());
  const stream = session.request({ ":path": "/" });
  let got = "";
  stream.on("data", (part) => {
    got += part;
  });
  const ended = once(stream, "end");
  await eventually(() => got === ":\n\ndata: 1\n\n");
  await server.close();
  await ended;
  assert.equal(stream.rstCode, 0);
});

test("sse: a server of Node that closes ends the stream as well, and aborts its signal", async () => {
  let closed = 0;
  let aborted = 0;
  const events = {
    [Symbol.asyncIterator]: () => ({
      next: never,
      async return() {
        closed++;
        return { done: true as const, value: undefined };
      },
    }),
  };
  async function* waiting(_last: string | undefined, { "tsgi.exchange": { signal } }: Parameters<App>[0]) {
    yield "1";
    await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    aborted++;
  }
  const app = dispatcher(sse(events, { heartbeat: 0 }), { "/waiting": sse(waiting) });
  const server = createServer(toNode(app));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const responses = [await fetch(url), await fetch(`${url}/waiting`)];
  server.close();
  const texts = await Promise.all(responses.map((response) => response.text()));
  assert.deepEqual(texts, [":\n\n", ":\n\ndata: 1\n\n"]);
  await eventually(() => aborted === 1);
  assert.equal(closed, 1);
  server.closeAllConnections();
});

test("sse: wrong options throw when the app is built", () => {
  for (const source of ["text", 5, null, undefined, {}]) {
    assert.throws(() => sse(source as never), { code: "TSGI_BAD_EVENT" });
  }
  assert.throws(() => sse([], { heartbeat: -1 }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => sse([], { heartbeat: 2 ** 31 }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => sse([], { retry: 0.5 }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => sse([], { retries: 1 } as never), { code: "TSGI_BAD_OPTION" });
});

let browser: Browser | undefined;

before(async () => {
  if (skip === false) browser = await launch();
});

after(() => browser?.close());

test("sse: EventSource gets the events, and goes on after a new server where it was", { skip }, async (t) => {
  const ids: (string | undefined)[] = [];
  const site = dispatcher(html("<!doctype html><title>events</title>"), {
    "/events": sse(
      async function* (last, environ) {
        ids.push(last);
        if (last === "é 2") return;
        yield { id: "é 2", event: "tick", data: "one\r\ntwo", comment: "a\ndata: forged" };
        await new Promise((resolve) => environ["tsgi.exchange"].signal?.addEventListener("abort", resolve));
      },
      { retry: 20 },
    ),
  });
  const first = await serve(site, { port: 0 });
  const page = await (browser as Browser).newPage();
  await page.goto(first.url);
  const got = await page.evaluate(
    () =>
      new Promise<unknown>((resolve) => {
        const source = new EventSource("/events");
        source.addEventListener("message", ({ data }) => resolve(`message ${data}`));
        source.addEventListener("tick", (event) => {
          const { data, lastEventId } = event as MessageEvent;
          resolve([data, lastEventId]);
        });
      }),
  );
  assert.deepEqual(got, ["one\ntwo", "é 2"]);
  const { port } = first;
  await first.close();
  const second = await serve(site, { port });
  t.after(() => second.close({ grace: 0 }));
  await eventually(() => ids.length > 1);
  assert.deepEqual(ids.slice(0, 2), [undefined, "é 2"]);
  await page.close();
});
