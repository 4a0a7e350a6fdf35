import assert from "node:assert/strict";
import { test } from "node:test";
import { CopiedInput } from "../../middleware/mirror/copied-input.ts";
import { type MirrorOptions, mirror } from "../../middleware/mirror.ts";
import { proxy } from "../../middleware/proxy.ts";
import { text } from "../../src/apps.ts";
import { readBytes } from "../../src/body/input.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { aWhile, eventually, start } from "../support/raw-client.ts";
import { HI, rawTarget } from "../support/raw-target.ts";
import { bodyOf, transcript } from "../support/transcript.ts";
import { allOwned } from "../support/unowned.ts";

const site = text("site");

const echo: App = async (environ, startResponse) => {
  const bytes = await readBytes(environ, { limit: 1e9 });
  startResponse("200 OK", []);
  return String(bytes.length);
};

/** An app that remembers what it was asked, and how reading its bodies has ended. */
function shadow(): { app: App; asked: string[] } {
  const asked: string[] = [];
  const app: App = async (environ, startResponse) => {
    const { REQUEST_METHOD, PATH_INFO } = environ;
    const body = await readBytes(environ, { limit: 1e9 }).then(
      (bytes) => Buffer.from(bytes).toString("latin1"),
      (error) => `failed with ${error.code}`,
    );
    asked.push(`${REQUEST_METHOD} ${PATH_INFO} ${body}`);
    startResponse("200 OK", []);
    return "thrown away";
  };
  return { app, asked };
}

test("mirror: the app answers, and the other one gets the same request", async () => {
  const { app, asked } = shadow();
  assert.equal(
    await transcript(mirror(site, app), "/a"),
    "200 OK\ncontent-length: 4\ncontent-type: text/plain; charset=utf-8\n\nsite",
  );
  assert.equal(await bodyOf(mirror(echo, app), "/b", { method: "POST", body: "hello" }), "5");
  assert.equal(await bodyOf(mirror(echo, app), "/c", { method: "POST", body: ["hel", "lo"] }), "5");
  await eventually(() => asked.length === 3);
  assert.deepEqual(asked, ["GET /a ", "POST /b hello", "POST /c hello"]);
});

test("mirror: a share of the requests is copied, evenly spread", async () => {
  const { app, asked } = shadow();
  const mirrored = mirror(site, app, { share: 40 });
  for (let index = 0; index < 10; index++) await bodyOf(mirrored, `/${index}`);
  await eventually(() => asked.length === 4);
  assert.deepEqual(asked, ["GET /2 ", "GET /4 ", "GET /7 ", "GET /9 "]);
  await bodyOf(mirror(site, app, { share: 0 }), "/none");
  await aWhile();
  assert.equal(asked.length, 4);
});

test("mirror: goes to a server elsewhere, with the client's header lines and the body", async (t) => {
  const target = await rawTarget(t, HI);
  const app = mirror(echo, proxy(target.url, { via: false }));
  const { connect } = await start(t, app);
  const client = await connect();
  client.send(
    "PUT /x?y HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nX-One: 2\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
  );
  await client.until("100 Continue");
  await client.send("hello").until("\r\n\r\n5");
  const received = await target.until("hello");
  assert.match(received, /^PUT \/x\?y HTTP\/1\.1\r\n/);
  assert.match(received, /X-One: 1\r\nX-One: 2\r\n/i);
  assert.doesNotMatch(received, /expect/i);
});

test("mirror: what the other app fails with is reported, and the client gets its answer", () =>
  allOwned(async () => {
    const failures: App[] = [
      () => {
        throw new Error("broken");
      },
      async () => {
        throw new Error("broken");
      },
      async function* (_environ, startResponse) {
        startResponse("200 OK", []);
        yield "a";
        throw new Error("broken");
      },
      (_environ, startResponse) => {
        startResponse("200 OK", []);
        return { [Symbol.iterator]: () => ["a"].values(), close: () => Promise.reject(new Error("broken")) } as never;
      },
    ];
    for (const app of failures) {
      const errors: string[] = [];
      const environ = { "tsgi.errors": { write: (line: string) => errors.push(line) } };
      const outer: App = (given, startResponse) => {
        const { report: _report, reporter: _reporter, ...exchange } = { ...given["tsgi.exchange"] };
        return mirror(site, app)({ ...given, "tsgi.exchange": exchange }, startResponse);
      };
      assert.equal(await bodyOf(outer, "/", { environ, lint: false }), "site");
      await eventually(() => errors.length > 0);
      await aWhile();
      assert.equal(errors.length, 1);
      assert.match(errors[0] as string, /^GET \/: Error: broken/);
    }
  }));

test("mirror: copies beyond the limit are dropped, and those under way give their places back", async () => {
  let open: (() => void)[] = [];
  let count = 0;
  const slow: App = async (_environ, startResponse) => {
    count++;
    await new Promise<void>((resolve) => open.push(resolve));
    startResponse("200 OK", []);
    return "";
  };
  const app = mirror(site, slow, { limit: 2 });
  for (let index = 0; index < 5; index++) assert.equal(await bodyOf(app, "/"), "site");
  await eventually(() => count === 2);
  for (const resolve of open) resolve();
  open = [];
  await aWhile();
  assert.equal(await bodyOf(app, "/"), "site");
  await eventually(() => count === 3);
  for (const resolve of open) resolve();
});

test("mirror: an app that is slow to read does not slow the other one, and its copy is given up", async () => {
  let isLeft = false;
  let failed: unknown;
  const stuck: App = async (environ, startResponse) => {
    environ["tsgi.exchange"].onAbort?.(() => {
      isLeft = true;
    });
    const input = environ["tsgi.input"][Symbol.asyncIterator]();
    await eventually(() => isLeft);
    await input.next().catch((error) => {
      failed = error;
    });
    startResponse("200 OK", []);
    return "";
  };
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 32; index++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      yield new Uint8Array(65_536);
    }
  }
  assert.equal(await bodyOf(mirror(echo, stuck), "/", { method: "POST", body: body() }), String(32 * 65_536));
  assert.ok(isLeft);
  await eventually(() => failed !== undefined);
  assert.equal((failed as { code?: string }).code, "TSGI_CLIENT_GONE");
});

test("mirror: a copy that takes too long is given up: its body is closed, its signal aborted", async () => {
  let isClosed = false;
  let signal: AbortSignal | undefined;
  const endless: App = async function* (environ, startResponse) {
    signal = environ["tsgi.exchange"].signal;
    startResponse("200 OK", []);
    try {
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        yield "tick";
      }
    } finally {
      isClosed = true;
    }
  };
  assert.equal(await bodyOf(mirror(site, endless, { timeout: 20 }), "/"), "site");
  await eventually(() => isClosed && signal?.aborted === true);
});

test("mirror: a body that is there at once without an end leaves others their turn", async () => {
  let isClosed = false;
  const endless: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    try {
      for (;;) yield "tick";
    } finally {
      isClosed = true;
    }
  };
  assert.equal(await bodyOf(mirror(site, endless, { timeout: 20 }), "/"), "site");
  await eventually(() => isClosed);
});

test("mirror: where the app does not read the body, or the client leaves amid it, the copy fails", async (t) => {
  const { app, asked } = shadow();
  const { connect } = await start(t, mirror(site, app));
  const unread = await connect();
  await unread.send("POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").until("site");
  const reading = await start(t, mirror(echo, app));
  const leaving = await reading.connect();
  leaving.send("POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  await aWhile();
  leaving.socket.destroy();
  await eventually(() => asked.length === 2);
  assert.deepEqual(asked, ["POST /unread failed with TSGI_CLIENT_GONE", "POST /left failed with TSGI_CLIENT_GONE"]);
});

test("mirror: the two apps share no state", async () => {
  let seen: unknown;
  const app: App = (environ, startResponse) => {
    environ["tsgi.state"]["own.key"] = 1;
    return site(environ, startResponse);
  };
  const other: App = (environ, startResponse) => {
    seen = { ...environ["tsgi.state"] };
    return site(environ, startResponse);
  };
  await request(mirror(app, other), "/");
  await eventually(() => seen !== undefined);
  assert.deepEqual(seen, {});
});

test("mirror: requests for an upgrade are not copied", async (t) => {
  const { app, asked } = shadow();
  const { connect } = await start(t, mirror(site, app));
  await (await connect()).get("/", "Connection: Upgrade", "Upgrade: websocket").until("site");
  await (await connect()).get("/plain").until("site");
  await eventually(() => asked.length > 0);
  assert.deepEqual(asked, ["GET /plain "]);
});

test("mirror: bad apps and options throw when it is built", () => {
  assert.throws(() => mirror(site, 1 as never), { code: "TSGI_NO_APP" });
  const bad: MirrorOptions[] = [{ share: 101 }, { share: -1 }, { limit: 0 }, { buffer: -1 }, { timeout: 0 }];
  for (const options of bad) assert.throws(() => mirror(site, site, options), { code: "TSGI_BAD_OPTION" });
});

test("mirror: what a copy is behind with does not stay in single bytes", async () => {
  const input = new CopiedInput(1000);
  for (const byte of [1, 2, 3]) input.push(Uint8Array.of(byte));
  input.end();
  assert.deepEqual(await input.next(), { done: false, value: Uint8Array.of(1, 2, 3) });
  assert.equal((await input.next()).done, true);
});
