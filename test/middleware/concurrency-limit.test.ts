import assert from "node:assert/strict";
import { test } from "node:test";
import { concurrencyLimit } from "../../middleware/concurrency-limit.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";
import { eventually } from "../support/raw-client.ts";

const REFUSED = plain(503, "Service Unavailable\n", { "retry-after": "1" });

/** An app whose requests wait until they are let go, in order. */
function waiting(): { app: App; begun(): number; letGo(): void } {
  const waits: (() => void)[] = [];
  let begun = 0;
  return {
    app: async (environ, startResponse) => {
      begun++;
      await new Promise<void>((resolve) => waits.push(resolve));
      return text("done")(environ, startResponse);
    },
    begun: () => begun,
    letGo: () => waits.shift()?.(),
  };
}

test("concurrencyLimit: so many run, so many queue, and the next is a 503 with Retry-After", async () => {
  const { app, begun, letGo } = waiting();
  const limited = concurrencyLimit(app, { limit: 2, queue: 1 });
  const answers = [1, 2, 3].map(async () => (await request(limited, "/")).text());
  await eventually(() => begun() === 2);
  assert.deepEqual(await seen(await request(limited, "/")), REFUSED);
  letGo();
  await eventually(() => begun() === 3);
  letGo();
  letGo();
  assert.deepEqual(await Promise.all(answers), ["done", "done", "done"]);
  const next = request(limited, "/");
  await eventually(() => begun() === 4);
  letGo();
  assert.equal((await next).status, 200);
});

test("concurrencyLimit: a request that queues too long is a 503", async () => {
  const { app, letGo } = waiting();
  const limited = concurrencyLimit(app, { limit: 1, maxWait: 1, retryAfter: 30 });
  const first = request(limited, "/");
  const second = await request(limited, "/");
  assert.deepEqual([second.status, second.headers.get("retry-after")], [503, "30"]);
  letGo();
  await first;
});

test("concurrencyLimit: a client that leaves the queue makes room for another", async () => {
  const { app, begun, letGo } = waiting();
  const limited = concurrencyLimit(app, { limit: 1, queue: 1 });
  const first = request(limited, "/");
  const client = new AbortController();
  const left = request(limited, "/", { signal: client.signal });
  left.catch(() => {});
  await eventually(() => begun() === 1);
  client.abort();
  const third = request(limited, "/");
  letGo();
  await first;
  await eventually(() => begun() === 2);
  letGo();
  assert.equal((await third).status, 200);
});

test("concurrencyLimit: a stream keeps its place until it ends or is closed", async () => {
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "a";
    yield "b";
  };
  const limited = concurrencyLimit(app, { limit: 1, queue: 0 });
  const first = await request(limited, "/");
  const reader = first.body?.getReader();
  await reader?.read();
  assert.equal((await request(limited, "/")).status, 503);
  await reader?.cancel();
  assert.equal(await (await request(limited, "/")).text(), "ab");
});

const boom = (): never => {
  throw new Error("boom");
};
for (const [what, app] of Object.entries<App>({
  throws: boom,
  rejects: async () => boom(),
  "has a body that fails": async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield boom();
  },
  "returns what is not a body": async (_environ, startResponse) => {
    startResponse("200 OK", []);
    return 5 as never;
  },
  "has a body that cannot be closed": async (_environ, startResponse) => {
    startResponse("200 OK", []);
    const iterator = ["a"].values();
    return { [Symbol.iterator]: () => iterator, close: boom } as never;
  },
})) {
  test(`concurrencyLimit: an app that ${what} gives its place back, once`, async () => {
    const { app: other, begun, letGo } = waiting();
    const limited = concurrencyLimit(
      (environ, startResponse) => (environ.PATH_INFO === "/other" ? other : app)(environ, startResponse),
      { limit: 1, queue: 1 },
    );
    for (let round = 0; round < 3; round++) {
      await request(limited, "/", { lint: false }).then(
        (response) => response.text().catch(() => {}),
        () => {},
      );
    }
    const two = [request(limited, "/other"), request(limited, "/other")];
    await eventually(() => begun() === 1);
    letGo();
    await eventually(() => begun() === 2);
    letGo();
    for (const each of two) assert.equal((await each).status, 200);
  });
}

test("concurrencyLimit: an app that answers at once stays synchronous", () => {
  const app = concurrencyLimit(text("hello"), { limit: 1 });
  assert.equal(
    app({} as never, () => () => {}),
    "hello",
  );
});

test("concurrencyLimit: wrong options throw when the app is built", () => {
  for (const options of [{}, { limit: 0 }, { limit: 1, queue: -1 }, { limit: 1, maxWait: 0 }, { most: 1 }]) {
    assert.throws(() => concurrencyLimit(text(""), options as never), { code: "TSGI_BAD_OPTION" });
  }
});
