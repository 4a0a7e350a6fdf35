import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { errorPages } from "../../middleware/error-pages.ts";
import { problemDetails } from "../../middleware/problem-details.ts";
import { TsgiError } from "../../src/errors.ts";
import type { App, Body, ExchangeEnd, HeaderList, StatusLine } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { type Ask, everyHost } from "../support/hosts.ts";
import { startHttp2, WAYS } from "../support/http2-client.ts";
import { aWhile, eventually, type RawClient, start } from "../support/raw-client.ts";

type Told = Omit<ExchangeEnd, "error"> & { readonly error: unknown };

/** What is told of the exchanges of an app. */
function observed(app: App): { app: App; ends: Told[] } {
  const ends: Told[] = [];
  return {
    ends,
    app(environ, startResponse) {
      environ["tsgi.exchange"].onEnd?.(({ status, bytes, isComplete, isClientGone, error }) => {
        ends.push({ status, bytes, isComplete, isClientGone, error });
      });
      return app(environ, startResponse);
    },
  };
}

const answering =
  (body: Body, status: StatusLine = "200 OK", headers: HeaderList = [["Content-Type", "text/plain"]]): App =>
  (_environ, startResponse) => {
    startResponse(status, headers);
    return body;
  };

async function* slowly(): AsyncGenerator<string> {
  yield "one ";
  await sleep(2);
  yield "€";
}

const boom = new Error("boom");
const whole = { isComplete: true, isClientGone: false, error: undefined };

const hosts = await everyHost();

for (const [name, ask] of Object.entries(hosts)) {
  test(`onEnd: under ${name} it tells what the client got, once`, async () => {
    const outcomes: [App, Partial<Told>, string?][] = [
      [answering("hello"), { ...whole, status: 200, bytes: 5 }],
      [answering(["a", "€"]), { ...whole, status: 200, bytes: 4 }],
      [answering(slowly()), { ...whole, status: 200, bytes: 7 }],
      [answering("hello"), { ...whole, status: 200, bytes: 0 }, "HEAD"],
      [answering("", "304 Not Modified", []), { ...whole, status: 304, bytes: 0 }],
      [
        async (_environ, startResponse) => {
          const write = startResponse("201 Created", []);
          await write("abc");
          return "de";
        },
        { ...whole, status: 201, bytes: 5 },
      ],
    ];
    for (const [app, expected, method = "GET"] of outcomes) {
      const { app: seen, ends } = observed(app);
      await ask(seen, { method });
      await eventually(() => ends.length > 0);
      assert.deepEqual(ends, [expected]);
    }
  });

  test(`onEnd: under ${name} a failing app is told as what its client got`, async () => {
    const throwing = observed(() => {
      throw boom;
    });
    await ask(throwing.app);
    await eventually(() => throwing.ends.length > 0);
    const [{ bytes, ...end }] = throwing.ends as [Told];
    assert.deepEqual(end, { status: 500, isComplete: true, isClientGone: false, error: boom });
    assert.ok(bytes > 0);
    const cut = observed(
      answering(
        (async function* () {
          yield "one";
          await sleep(2);
          throw boom;
        })(),
      ),
    );
    await ask(cut.app);
    await eventually(() => cut.ends.length > 0);
    assert.deepEqual(
      cut.ends.map(({ bytes: _, ...rest }) => rest),
      [{ status: 200, isComplete: false, isClientGone: false, error: boom }],
    );
  });
}

test("onEnd: an error that a layer has answered is told too", async () => {
  const failing: App = () => {
    throw boom;
  };
  const layers = [problemDetails(failing, { always: true }), errorPages(failing, { "5xx": answering("sorry") })];
  for (const layer of layers) {
    const { app, ends } = observed(layer);
    await (hosts.toFetch as Ask)(app);
    await eventually(() => ends.length > 0);
    assert.deepEqual([ends[0]?.status, ends[0]?.error], [500, boom]);
  }
});

test("onEnd: what was reported of a response that is not an error is not its error", async () => {
  const { app, ends } = observed((environ, startResponse) => {
    environ["tsgi.exchange"].report?.(boom);
    return answering("well")(environ, startResponse);
  });
  await (hosts.toFetch as Ask)(app);
  await eventually(() => ends.length > 0);
  assert.equal(ends[0]?.error, undefined);
});

test("onEnd: the client's own mistake is the response that it got, and not an error", async () => {
  const { app, ends } = observed(() => {
    throw new TsgiError("TSGI_BODY_TOO_LARGE", "too large", { status: "413 Content Too Large" });
  });
  await request(app, "/").catch(() => {});
  assert.deepEqual(ends, [{ ...whole, status: 413, bytes: 22 }]);
});

test("onEnd: every callback is called, and what one throws is reported", async () => {
  const calls: string[] = [];
  const app: App = (environ, startResponse) => {
    const { onEnd } = environ["tsgi.exchange"];
    for (const name of ["a", "b", "c", "d"]) {
      onEnd?.call(environ["tsgi.exchange"], () => {
        calls.push(name);
        throw new Error(`no ${name}`);
      });
    }
    return answering("x")(environ, startResponse);
  };
  await assert.rejects(
    request(app, "/").then((response) => response.text()),
    { message: "no a" },
  );
  assert.deepEqual(calls, ["a", "b", "c", "d"]);
});

test("onEnd: who asks after the end is told at once", async () => {
  let exchange: Parameters<App>[0]["tsgi.exchange"] | undefined;
  const app: App = (environ, startResponse) => {
    exchange = environ["tsgi.exchange"];
    return answering("x")(environ, startResponse);
  };
  await (await request(app, "/")).text();
  const statuses: number[] = [];
  exchange?.onEnd?.(({ status }) => statuses.push(status));
  exchange?.onEnd?.(({ status }) => statuses.push(status));
  assert.deepEqual(statuses, [200, 200]);
});

const MIB = 1024 * 1024;

/** What is told of a client that asks, does something and resets its connection. */
async function left(
  t: TestContext,
  app: App,
  act: (client: RawClient) => unknown,
): Promise<{ ends: Told[]; received: number }> {
  const { app: seen, ends } = observed(app);
  const { connect } = await start(t, seen);
  const client = await connect();
  client.get("/");
  await act(client);
  client.socket.resetAndDestroy();
  await eventually(() => ends.length > 0);
  return { ends, received: client.received.length };
}

for (const [name, body] of [
  ["one string", "x".repeat(40 * MIB)],
  ["one piece of bytes", new Uint8Array(40 * MIB)],
  ["a list", ["x".repeat(20 * MIB), new Uint8Array(20 * MIB)]],
  [
    "a stream",
    (async function* () {
      for (let count = 0; count < 400; count++) yield "x".repeat(MIB / 10);
    })(),
  ],
] as [string, Body][]) {
  test(`onEnd: the bytes of a response that its client has left amid, ${name}`, async (t) => {
    const { ends, received } = await left(t, answering(body), async (client) => {
      await eventually(() => client.received.length > 300_000);
      client.socket.pause();
      await aWhile();
    });
    const [{ bytes, ...end }] = ends as [Told];
    assert.deepEqual(end, { status: 200, isComplete: false, isClientGone: true, error: undefined });
    // What one write has begun to send is not known.
    assert.ok(bytes >= received - 200_000 && bytes < 30 * MIB, `${bytes} of 40 MiB, ${received} received`);
  });
}

test("onEnd: a client that has left before the response has got none", async (t) => {
  const app: App = async (environ, startResponse) => {
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    return answering("late")(environ, startResponse);
  };
  const { ends } = await left(t, app, () => aWhile());
  assert.deepEqual(ends, [{ status: 0, bytes: 0, isComplete: false, isClientGone: true, error: undefined }]);
});

test("onEnd: a slow client that gets all of a large response in the end", async (t) => {
  const { app, ends } = observed(answering("x".repeat(20 * MIB)));
  const { connect } = await start(t, app);
  const client = await connect();
  client.socket.pause();
  client.get("/", "Connection: close");
  await aWhile();
  assert.deepEqual(ends, []);
  client.socket.resume();
  assert.ok((await client.all()).length > 20 * MIB);
  await eventually(() => ends.length > 0);
  assert.deepEqual(ends, [{ ...whole, status: 200, bytes: 20 * MIB }]);
});

test("onEnd: pipelined requests are told in their order, each with its bytes", async (t) => {
  const { app, ends } = observed((environ, startResponse) =>
    answering("x".repeat(environ.PATH_INFO.length))(environ, startResponse),
  );
  const { connect } = await start(t, app);
  const client = await connect();
  for (const path of ["/", "/2", "/33"]) client.get(path);
  await client.until("xxx");
  assert.deepEqual(
    ends.map(({ bytes, isComplete }) => [bytes, isComplete]),
    [
      [1, true],
      [2, true],
      [3, true],
    ],
  );
});

test("onEnd: a connection that was taken over is a 101", async (t) => {
  const { app, ends } = observed((environ) => {
    const socket = environ["tsgi.exchange"].upgrade?.() as { end(text: string): void };
    socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\nhi");
  });
  const { connect } = await start(t, app);
  await (await connect()).get("/", "Connection: upgrade", "Upgrade: x").all();
  assert.deepEqual(ends, [{ ...whole, status: 101, bytes: 0 }]);
});

for (const way of WAYS) {
  test(`onEnd: over HTTP/2 by ${way}, a response that was sent and one that its client has cancelled`, async (t) => {
    const { app, ends } = observed((environ, startResponse) =>
      answering(environ.PATH_INFO === "/all" ? "hello" : "x".repeat(MIB))(environ, startResponse),
    );
    const session = (await startHttp2(t, app, {}, way)).connect();
    const all = session.request({ ":path": "/all" }).resume();
    await once(all, "close");
    await eventually(() => ends.length > 0);
    assert.deepEqual(ends, [{ ...whole, status: 200, bytes: 5 }]);
    const part = session.request({ ":path": "/part" });
    part.on("error", () => {});
    await once(part, "response");
    part.close(8);
    await eventually(() => ends.length > 1);
    const [, { bytes, ...end }] = ends as [Told, Told];
    assert.deepEqual(end, { status: 200, isComplete: false, isClientGone: true, error: undefined });
    assert.ok(bytes < MIB, `${bytes} bytes`);
  });
}
