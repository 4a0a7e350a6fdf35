import assert from "node:assert/strict";
import { test } from "node:test";
import { balancer } from "../../middleware/balancer.ts";
import { failover } from "../../middleware/failover.ts";
import { lint } from "../../middleware/lint.ts";
import { proxy } from "../../middleware/proxy.ts";
import { text } from "../../src/apps.ts";
import { readBytes } from "../../src/body/input.ts";
import { TsgiError } from "../../src/errors.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { eventually, start } from "../support/raw-client.ts";
import { HI, rawTarget } from "../support/raw-target.ts";
import { bodyOf, reported, transcript } from "../support/transcript.ts";
import { allOwned } from "../support/unowned.ts";

const down = text("down", { status: "503 Service Unavailable" });
const PUT = { methods: ["PUT"] } as const;

/** Fails once it has read its body. */
const failing: App = async (environ, startResponse) => {
  await readBytes(environ);
  return down(environ, startResponse);
};

const echo: App = async (environ, startResponse) => {
  const bytes = await readBytes(environ);
  startResponse("200 OK", []);
  return bytes;
};

test("failover: the first app that does not fail answers, and the last one where all do", async () => {
  const late: App = async (environ, startResponse) => down(environ, startResponse);
  assert.equal(
    await transcript(failover([down, late, text("third"), text("fourth")]), "/"),
    "200 OK\ncontent-length: 5\ncontent-type: text/plain; charset=utf-8\n\nthird",
  );
  const last = text("last", { status: "502 Bad Gateway" });
  assert.equal((await request(failover([down, last]), "/")).status, 502);
});

test("failover: other statuses are answers, unless they are told to be failures", async () => {
  const broken = text("broken", { status: "500 Internal Server Error" });
  assert.equal(await bodyOf(failover([broken, text("second")]), "/"), "broken");
  assert.equal(await bodyOf(failover([broken, text("second")], { statuses: [500] }), "/"), "second");
  assert.equal(await bodyOf(failover([down, text("second")], { statuses: [] }), "/"), "down");
});

test("failover: an app that throws counts as a 500, and is reported where another one answers", async () => {
  const thrower: App = () => {
    throw new Error("broken");
  };
  const rejecting: App = async () => {
    throw new Error("broken");
  };
  for (const app of [thrower, rejecting]) {
    await assert.rejects(request(failover([app, text("second")]), "/"), /broken/);
    const [answer, errors] = await reported(failover([app, text("second")], { statuses: [500] }), "/").catch(
      (error) => [String(error), ""],
    );
    // A client of tests gets what was reported.
    assert.match(`${answer}${errors}`, /Error: broken/);
  }
});

test("failover: a 500 that is reported has another app answer over a socket", async (t) => {
  const thrower: App = () => {
    throw new Error("broken");
  };
  const { log, connect } = await start(t, failover([thrower, text("second")], { statuses: [500] }));
  assert.match(await (await connect()).get("/").until("second"), /^HTTP\/1\.1 200 OK/);
  assert.match(log.join(""), /^GET \/: Error: broken\n/);
});

test("failover: what the client did wrong is an answer", async () => {
  const refusing: App = () => {
    throw new TsgiError("TSGI_BAD_REQUEST", "no", { status: "400 Bad Request" });
  };
  const response = await request(failover([refusing, text("second")], { statuses: [500] }), "/");
  assert.equal(response.status, 400);
});

test("failover: requests that may do harm twice are answered by the first app", async () => {
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    assert.equal(await bodyOf(failover([down, text("second")]), "/", { method }), "down");
  }
  assert.equal(await bodyOf(failover([down, text("second")], PUT), "/", { method: "PUT" }), "second");
  for (const method of ["GET", "OPTIONS"])
    assert.equal(await bodyOf(failover([down, text("second")]), "/", { method }), "second");
  assert.equal((await request(failover([down, text("second")]), "/", { method: "HEAD" })).status, 200);
});

test("failover: the next app gets the body from its beginning", async () => {
  const app = failover([lint(failing), lint(failing), lint(echo)], PUT);
  assert.equal(await bodyOf(app, "/", { method: "PUT", body: "hello" }), "hello");
  assert.equal(await bodyOf(app, "/", { method: "PUT", body: ["he", "", "llo"] }), "hello");
});

test("failover: an app that has read a part of the body leaves the whole to the next one", async () => {
  const partial: App = async (environ, startResponse) => {
    await environ["tsgi.input"][Symbol.asyncIterator]().next();
    return down(environ, startResponse);
  };
  const app = failover([partial, echo], PUT);
  assert.equal(await bodyOf(app, "/", { method: "PUT", body: ["a", "b", "c"] }), "abc");
});

test("failover: where more was read than is kept, the failure is the answer", async () => {
  const app = failover([failing, echo], { ...PUT, replay: 4 });
  assert.equal(await bodyOf(app, "/", { method: "PUT", body: "1234" }), "1234");
  assert.equal(await bodyOf(app, "/", { method: "PUT", body: "12345" }), "down");
  // One that has read nothing has lost nothing.
  const none = failover([down, echo], { ...PUT, replay: 0 });
  assert.equal(await bodyOf(none, "/", { method: "PUT", body: "12345" }), "12345");
});

test("failover: an app whose turn is over gets nothing more of the body", async () => {
  let late: Promise<unknown> | undefined;
  const holding: App = (environ, startResponse) => {
    const input = environ["tsgi.input"][Symbol.asyncIterator]();
    late = input.next().then(() => input.next());
    late.catch(() => {});
    return down(environ, startResponse);
  };
  const app = failover([holding, echo], PUT);
  assert.equal(await bodyOf(app, "/", { method: "PUT", body: ["a", "b"] }), "ab");
  await assert.rejects(late as Promise<unknown>, { code: "TSGI_CLIENT_GONE" });
});

test("failover: a body larger than what is kept streams through, at the pace of the app", async () => {
  let asked = 0;
  async function* body(): AsyncGenerator<Uint8Array> {
    for (asked = 1; asked <= 100; asked++) yield new Uint8Array(65_536);
  }
  let furthest = 0;
  const slow: App = async (environ, startResponse) => {
    let length = 0;
    for await (const piece of environ["tsgi.input"]) {
      length += piece.length;
      furthest = Math.max(furthest, asked - length / 65_536);
      await new Promise((resolve) => setImmediate(resolve));
    }
    startResponse("200 OK", []);
    return String(length);
  };
  assert.equal(await bodyOf(failover([slow, echo], PUT), "/", { method: "PUT", body: body() }), String(100 * 65_536));
  assert.ok(furthest <= 2, `${furthest}`);
});

test("failover: the body of a failure is closed", async () => {
  let closes = 0;
  const streaming: App = async function* (_environ, startResponse) {
    startResponse("503 Service Unavailable", []);
    try {
      yield "never sent";
    } finally {
      closes++;
    }
  };
  assert.equal(await bodyOf(failover([lint(streaming), lint(text("next"))]), "/"), "next");
  assert.equal(closes, 1);
});

test("failover: a response that fails amid its body is cut, and nobody else is asked", async (t) => {
  const dying = await rawTarget(t, (socket) => {
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal");
  });
  const other = await rawTarget(t, HI);
  const { connect } = await start(t, failover([proxy(dying.url), proxy(other.url)]));
  const client = await connect();
  assert.doesNotMatch(await client.get("/").all(), /hi/);
  assert.equal(other.heads.length, 0);
});

test("failover: between proxies and a balancer, and below them", async (t) => {
  const up = await rawTarget(t, HI);
  const set = balancer(["http://127.0.0.1:1"], { ejection: false });
  t.after(() => set.close());
  const app = failover([proxy("http://127.0.0.1:1"), set, proxy(up.url)], { methods: ["GET", "PUT"] });
  assert.equal(await bodyOf(app, "/"), "hi");
  assert.equal(await bodyOf(app, "/", { method: "PUT", body: "x".repeat(30_000) }), "hi");
  assert.equal(up.received.split("x".repeat(30_000)).length, 2);
});

test("failover: a client that leaves while the second app waits ends it", () =>
  allOwned(async () => {
    let aborted = false;
    let isAsked = false;
    const waiting: App = (environ) => {
      environ["tsgi.exchange"].onAbort?.(() => {
        aborted = true;
      });
      isAsked = true;
      return new Promise(() => {});
    };
    const leaving = new AbortController();
    const asked = request(failover([down, waiting]), "/", { signal: leaving.signal });
    await eventually(() => isAsked);
    leaving.abort();
    await assert.rejects(asked);
    assert.ok(aborted);
  }));

test("failover: bad lists and options throw when it is built", () => {
  assert.throws(() => failover([]), { code: "TSGI_NO_APP" });
  assert.throws(() => failover([down, 1 as unknown as App]), { code: "TSGI_NO_APP" });
  assert.throws(() => failover([down], { statuses: [200] }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => failover([down], { status: [503] } as never), /Did you mean statuses\?/);
});
