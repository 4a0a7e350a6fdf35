import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { compress } from "../../middleware/compress.ts";
import { timeout } from "../../middleware/timeout.ts";
import { websocket } from "../../middleware/websocket.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request, webSocket } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";
import { eventually, start } from "../support/raw-client.ts";

const TIMED_OUT = plain(504, "Gateway Timeout\n");
const never = (): Promise<never> => new Promise(() => {});

const hanging: Readonly<Record<string, App>> = {
  "does not answer": never,
  "starts and does not return": async (_environ, startResponse) => {
    startResponse("200 OK", []);
    return never();
  },
  "returns a body that gives nothing": async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield await never();
  },
  "returns a body that gives only empty chunks": async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "";
    yield await never();
  },
};

for (const [what, app] of Object.entries(hanging)) {
  test(`timeout: an app that ${what} is a 504`, async () => {
    assert.deepEqual(await seen(await request(timeout(app, { after: 5 }), "/")), TIMED_OUT);
  });
  test(`timeout: an app that ${what} is a 504 under layers that hold responses`, async () => {
    const response = await request(compress(timeout(app, { after: 5 })), "/");
    assert.deepEqual([response.status, await response.text()], [504, "Gateway Timeout\n"]);
  });
}

test("timeout: the signal of the app is aborted, and its callbacks are called, not those outside", async () => {
  const told: string[] = [];
  const app: App = (environ) => {
    const { signal } = environ["tsgi.exchange"];
    environ["tsgi.exchange"].onAbort?.(() => told.push("onAbort"));
    signal?.addEventListener("abort", () => told.push("signal"));
    return never();
  };
  const outside: App = (environ, startResponse) => {
    environ["tsgi.exchange"].onAbort?.(() => told.push("outside"));
    return timeout(app, { after: 5 })(environ, startResponse);
  };
  assert.equal((await request(outside, "/")).status, 504);
  assert.deepEqual(told, ["onAbort", "signal"]);
});

test("timeout: a client that leaves aborts the signal too", async () => {
  let isAborted = false;
  const app: App = async (environ) => {
    environ["tsgi.exchange"].onAbort?.(() => {
      isAborted = true;
    });
    return never();
  };
  const client = new AbortController();
  const answer = request(timeout(app, { after: 60_000 }), "/", { signal: client.signal, lint: false });
  answer.catch(() => {});
  await sleep(1);
  client.abort();
  await eventually(() => isAborted);
});

test("timeout: a body that a client did not wait for is closed", async () => {
  let closed = 0;
  const app: App = async (_environ, startResponse) => {
    startResponse("200 OK", []);
    return { [Symbol.asyncIterator]: () => ({ next: never }), close: () => void closed++ } as never;
  };
  const client = new AbortController();
  const answer = request(timeout(app, { after: 60_000 }), "/", { signal: client.signal, lint: false });
  answer.catch(() => {});
  await sleep(1);
  client.abort();
  await eventually(() => closed === 1);
});

test("timeout: what has begun may take its time", async () => {
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/plain; charset=utf-8"]]);
    yield "a";
    await sleep(20);
    yield "b";
  };
  assert.equal(await (await request(timeout(app, { after: 5 }), "/")).text(), "ab");
});

test("timeout: a head that was flushed has begun", async (t) => {
  const app: App = async function* (environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/plain; charset=utf-8"]]);
    environ["tsgi.exchange"].flush?.();
    await sleep(20);
    yield "b";
  };
  const { connect } = await start(t, timeout(app, { after: 5 }));
  assert.match(await (await connect()).get("/", "Connection: close").all(), /^HTTP\/1.1 200 .*\r\nb\r\n/s);
});

test("timeout: an app that answers at once stays synchronous", () => {
  const app = timeout(text("hello"), { after: 5 });
  const environ = { "tsgi.exchange": {}, "tsgi.state": {} } as never;
  assert.equal(
    app(environ, () => () => {}),
    "hello",
  );
});

test("timeout: a late response is dropped and closed, a late error reported once", async () => {
  let closed = 0;
  const late: App = async (_environ, startResponse) => {
    await sleep(15);
    startResponse("200 OK", []);
    return Object.assign(["late"], { close: () => void closed++ });
  };
  assert.deepEqual(await seen(await request(timeout(late, { after: 5 }), "/")), TIMED_OUT);
  await eventually(() => closed === 1);
  const failing: App = async () => {
    await sleep(15);
    throw new Error("late");
  };
  const response = await request(timeout(failing, { after: 5 }), "/");
  assert.equal(response.status, 504);
  await eventually(() => response.errors.includes("Error: late"));
});

test("timeout: an app that gives up with the signal is not reported", async () => {
  let hasGivenUp = false;
  const app: App = async (environ) => {
    try {
      return await sleep(60_000, "", { signal: environ["tsgi.exchange"].signal });
    } finally {
      hasGivenUp = true;
    }
  };
  const response = await request(timeout(app, { after: 5 }), "/");
  await eventually(() => hasGivenUp);
  await sleep(1);
  assert.deepEqual([response.status, response.errors], [504, ""]);
});

test("timeout: a body that hangs is closed", async () => {
  let closed = 0;
  const app: App = async (_environ, startResponse) => {
    startResponse("200 OK", []);
    return { [Symbol.asyncIterator]: () => ({ next: never }), close: () => void closed++ } as never;
  };
  assert.deepEqual(await seen(await request(timeout(app, { after: 5 }), "/")), TIMED_OUT);
  assert.equal(closed, 1);
});

test("timeout: the error of an app is its own", async () => {
  const app: App = async () => {
    throw new Error("boom");
  };
  await assert.rejects(request(timeout(app, { after: 1000 }), "/"), { message: "boom" });
});

test("timeout: HEAD needs no chunk, and a WebSocket no end", async () => {
  const app: App = async (_environ, startResponse) => {
    startResponse("200 OK", []);
    return new ReadableStream({ pull: never });
  };
  assert.equal((await request(timeout(app, { after: 50 }), "/", { method: "HEAD" })).status, 200);
  const socket = await webSocket(timeout(websocket({ message: (each, data) => each.send(data) }), { after: 5 }), "/");
  await sleep(15);
  await socket.send("hello");
  assert.equal(await socket.receive(), "hello");
  await socket.close();
});

test("timeout: wrong options throw when the app is built", () => {
  for (const options of [{}, { after: 0 }, { after: 2 ** 31 }, { after: "1s" }, { ms: 1 }]) {
    assert.throws(() => timeout(text(""), options as never), { code: "TSGI_BAD_OPTION" });
  }
});
