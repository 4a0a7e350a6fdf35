import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyLimit } from "../../middleware/body-limit.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { text } from "../../src/apps.ts";
import { readBytes } from "../../src/body/input.ts";
import { readText } from "../../src/body/reader.ts";
import type { App } from "../../src/gateway.ts";
import { type RequestBody, request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";
import { start } from "../support/raw-client.ts";

const TOO_LARGE = plain(413, "Content Too Large\n");
const yes = text("yes");

const post = async (app: App, body: RequestBody, headers = {}) =>
  seen(await request(app, "/", { method: "POST", body, headers }));

/** Bodies of six bytes, with and without a declared length. */
const BODIES: Readonly<Record<string, () => RequestBody>> = {
  "of a declared length": () => "123456",
  "that is chunked": () => ["123", "456"],
};

const swallowing: App = async (environ, startResponse) => {
  const got: string[] = [];
  try {
    for await (const chunk of environ["tsgi.input"]) got.push(String(chunk.byteLength));
  } catch {
    // That is the attack.
  }
  startResponse("200 OK", []);
  return `got ${got.join()}`;
};

const early: App = async (environ, startResponse) => {
  startResponse("200 OK", []);
  await readBytes(environ).catch(() => {});
  return "done";
};

const streaming: App = async function* (environ, startResponse) {
  startResponse("200 OK", []);
  await readBytes(environ).catch(() => {});
  yield "do";
  yield "ne";
};

const failing: App = async (environ) => {
  await readBytes(environ).catch(() => {});
  throw new Error("something else");
};

const failingLate: App = async function* (environ, startResponse) {
  startResponse("200 OK", []);
  yield "";
  await readBytes(environ).catch(() => {});
  throw new Error("something else");
};

/** Reads the beginning, and says yes to the rest: by leaving the loop, or by asking no further. */
const leaving: App = async (environ, startResponse) => {
  for await (const _chunk of environ["tsgi.input"]) break;
  return yes(environ, startResponse);
};

const peeking: App = async (environ, startResponse) => {
  await environ["tsgi.input"][Symbol.asyncIterator]().next();
  return yes(environ, startResponse);
};

const notWaiting: App = (environ, startResponse) => {
  void environ["tsgi.input"][Symbol.asyncIterator]().next();
  return yes(environ, startResponse);
};

const APPS = { yes, swallowing, early, streaming, failing, failingLate, leaving, peeking, notWaiting };

/** GHSA-9vqf-7f2p-gf9v = CVE-2026-44456 of Hono: a chunked body that nobody read, or whose error was swallowed, was let through. */
for (const [what, body] of Object.entries(BODIES)) {
  for (const [which, app] of Object.entries(APPS)) {
    test(`bodyLimit: a body ${what} over the limit is a 413, whatever the app does: ${which}`, async () => {
      assert.deepEqual(await post(bodyLimit(app, { limit: 5 }), body()), TOO_LARGE);
    });
  }

  test(`bodyLimit: a body ${what} up to the limit is the app's`, async () => {
    const echo: App = async (environ, startResponse) => {
      const got = await readText(environ["tsgi.input"]);
      return text(got)(environ, startResponse);
    };
    assert.deepEqual(await post(bodyLimit(echo, { limit: 6 }), body()), plain(200, "123456"));
    for (const app of [yes, leaving, peeking, notWaiting]) {
      assert.deepEqual(await post(bodyLimit(app, { limit: 6 }), body()), plain(200, "yes"));
    }
  });
}

/** GHSA-92vj-g62v-jqhh of Hono: a length beside a chunked body was believed. */
test("bodyLimit: a length that is too small hides nothing", async () => {
  const environ = { CONTENT_LENGTH: "1" };
  const response = await request(bodyLimit(swallowing, { limit: 5 }), "/", {
    method: "POST",
    body: ["123", "456"],
    environ,
  });
  assert.deepEqual(await seen(response), TOO_LARGE);
});

test("bodyLimit: the app gets no byte over the limit, and its read rejects", async () => {
  let got = "";
  let code = "";
  const app: App = async (environ, startResponse) => {
    try {
      for await (const chunk of environ["tsgi.input"]) got += new TextDecoder().decode(chunk);
    } catch (error) {
      code = (error as { code: string }).code;
    }
    return yes(environ, startResponse);
  };
  await post(bodyLimit(app, { limit: 5 }), ["123", "45", "6", "7"]);
  assert.deepEqual([got, code], ["12345", "TSGI_BODY_TOO_LARGE"]);
});

test("bodyLimit: an app that leaves its body gets nothing more of it, and the body is left where no verdict needs it", async () => {
  for (const [status, after] of [
    ["401 Unauthorized", 1],
    ["200 OK", 3],
  ] as const) {
    let sent = 0;
    let left = 0;
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: async () => (sent === 3 ? { done: true, value: undefined } : { done: false, value: String(++sent) }),
        return: async () => ({ done: true, value: left++ }),
      }),
    } as AsyncIterable<string>;
    const app: App = async (environ, startResponse) => {
      const reader = environ["tsgi.input"][Symbol.asyncIterator]();
      await reader.next();
      await reader.return?.();
      assert.deepEqual(await reader.next(), { done: true, value: undefined });
      return text("hello", { status })(environ, startResponse);
    };
    await post(bodyLimit(app, { limit: 5 }), body);
    assert.deepEqual([sent, left > 0], [after, status === "401 Unauthorized"], status);
  }
});

test("bodyLimit: a response that has begun goes on", async () => {
  const app: App = async function* (environ, startResponse) {
    startResponse("200 OK", []);
    yield "begun, ";
    await readBytes(environ).catch(() => {});
    yield "ended";
  };
  assert.equal((await post(bodyLimit(app, { limit: 5 }), ["123456"])).body, "begun, ended");
});

test("bodyLimit: an app that refuses is not made to wait for the body", async () => {
  const body = (async function* () {
    yield "1";
    await new Promise(() => {});
  })();
  const refusing = text("no", { status: "401 Unauthorized" });
  assert.deepEqual(await post(bodyLimit(refusing, { limit: 5 }), body), plain(401, "no"));
  const waiting = bodyLimit(yes, { limit: 5 });
  assert.deepEqual(await post(waiting, body, { Expect: "100-continue" }), plain(200, "yes"));
});

test("bodyLimit: under a layer that holds the response it is a 413 of the server", async (t) => {
  const app = transform(
    bodyLimit(streaming, { limit: 5 }),
    mapText("text/plain", (piece) => piece),
  );
  const { connect } = await start(t, app);
  const client = await connect();
  client.send(
    "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n0\r\n\r\n",
  );
  assert.match(await client.all(), /^HTTP\/1.1 413 /);
});

test("bodyLimit: a body that nobody needs is closed", async () => {
  let closed = 0;
  const app: App = async (environ, startResponse) => {
    await readBytes(environ).catch(() => {});
    startResponse("200 OK", []);
    return Object.assign(
      (async function* () {
        yield "never";
      })(),
      { close: () => void closed++ },
    );
  };
  assert.deepEqual(await post(bodyLimit(app, { limit: 5 }), ["123456"]), TOO_LARGE);
  assert.equal(closed, 1);
});

test("bodyLimit: a request without a body goes straight to the app", async () => {
  let seenInput: unknown;
  const app: App = (environ, startResponse) => {
    seenInput = environ["tsgi.input"];
    return yes(environ, startResponse);
  };
  const input = (async function* (): AsyncGenerator<Uint8Array> {})();
  await request(bodyLimit(app, { limit: 0 }), "/", { lint: false, environ: { "tsgi.input": input } });
  assert.equal(seenInput, input);
});

test("bodyLimit: wrong options throw when the app is built", () => {
  for (const options of [{}, { limit: -1 }, { limit: "1mb" }, { limits: 1 }]) {
    assert.throws(() => bodyLimit(yes, options as never), { code: "TSGI_BAD_OPTION" });
  }
});
