import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { asyncContext, currentEnviron } from "../../middleware/async-context.ts";
import { compress } from "../../middleware/compress.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { sse } from "../../middleware/sse.ts";
import { fromFetch } from "../../src/adapters/from-fetch.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { serve } from "../../src/server/serve.ts";
import { request } from "../../src/testing.ts";

/** What code says that knows nothing of its request. */
const where = (): string => `${currentEnviron()?.PATH_INFO} `;

const apps: Record<string, App> = {
  "a function": (_environ, startResponse) => {
    startResponse("200 OK", []);
    return where() + where();
  },
  "an async function": async (_environ, startResponse) => {
    const before = where();
    await sleep(1);
    startResponse("200 OK", []);
    return before + where();
  },
  "a generator": function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield where();
    yield where();
  },
  "an async generator": async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield where();
    await sleep(1);
    yield where();
  },
  "what writes": async (_environ, startResponse) => {
    const write = startResponse("200 OK", []);
    await write(where());
    await sleep(1);
    await write(where());
  },
  "a timer": (_environ, startResponse) =>
    new Promise((resolve) => {
      const before = where();
      setTimeout(() => {
        startResponse("200 OK", []);
        resolve(before + where());
      }, 1);
    }),
  "a Node stream": (_environ, startResponse) => {
    startResponse("200 OK", []);
    return Readable.from(
      (async function* () {
        yield where();
        await sleep(1);
        yield where();
      })(),
    );
  },
  "a web stream": (_environ, startResponse) => {
    startResponse("200 OK", []);
    let count = 0;
    return new ReadableStream({
      async pull(controller) {
        await sleep(1);
        controller.enqueue(new TextEncoder().encode(where()));
        if (++count === 2) controller.close();
      },
    });
  },
  "a Node handler": fromNode(async (_incoming, outgoing) => {
    outgoing.write(where());
    await sleep(1);
    outgoing.end(where());
  }),
  "a Fetch handler": fromFetch(async () => {
    const before = where();
    await sleep(1);
    return new Response(before + where());
  }),
};

for (const [what, app] of Object.entries(apps)) {
  test(`asyncContext: ${what} knows its request among others`, async () => {
    const paths = Array.from({ length: 8 }, (_, index) => `/${index}`);
    const site = compress(asyncContext(app), { threshold: 0 });
    const answers = await Promise.all(paths.map(async (path) => (await request(site, path)).text()));
    assert.deepEqual(
      answers,
      paths.map((path) => `${path} ${path} `),
    );
    assert.equal(currentEnviron(), undefined);
  });
}

test("asyncContext: the close of a body knows its request as well", async () => {
  const closed: string[] = [];
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    try {
      for (;;) {
        yield "more";
        await sleep(1);
      }
    } finally {
      closed.push(where());
    }
  };
  const response = await request(asyncContext(app), "/a");
  const reader = (response.body as ReadableStream).getReader();
  await reader.read();
  await reader.cancel();
  while (closed.length === 0) await sleep(1);
  assert.deepEqual(closed, ["/a "]);
});

test("asyncContext: events know their request", async () => {
  const app = asyncContext(
    sse(async function* () {
      yield where();
      await sleep(1);
      yield where();
    }),
  );
  assert.equal(await (await request(app, "/a")).text(), ":\n\ndata: /a \n\ndata: /a \n\n");
});

test("asyncContext: below a mount it is the environ of the innermost one", async () => {
  const inner = asyncContext(apps["an async generator"] as App);
  const app = asyncContext(dispatcher(notFound, { "/shop": inner }));
  assert.equal(await (await request(app, "/shop/a")).text(), "/a /a ");
});

test("asyncContext: what fails fails as before", async () => {
  const boom = () => {
    throw new Error("boom");
  };
  await assert.rejects(request(asyncContext(boom), "/"), { message: "boom" });
  await assert.rejects(
    request(
      asyncContext(async () => boom()),
      "/",
    ),
    { message: "boom" },
  );
  assert.equal(currentEnviron(), undefined);
});

test("asyncContext: requests of one connection are told apart", async (t) => {
  const server = await serve(asyncContext(apps["an async generator"] as App), { port: 0 });
  t.after(() => server.close({ grace: 0 }));
  for (const path of ["/a", "/b"]) assert.equal(await (await fetch(server.url + path)).text(), `${path} ${path} `);
});
