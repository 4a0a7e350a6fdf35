import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { cascade } from "../../middleware/cascade.ts";
import { cors } from "../../middleware/cors.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { hosts } from "../../middleware/hosts.ts";
import { lint } from "../../middleware/lint.ts";
import { proxyFix } from "../../middleware/proxy-fix.ts";
import { router } from "../../middleware/router.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { notFound, text } from "../../src/apps.ts";
import { capture } from "../../src/exchange/capture.ts";
import type { App, Environ, HeaderList } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { aWhile, eventually, hello, type RawClient, start, wire } from "../support/raw-client.ts";
import { allOwned } from "../support/unowned.ts";

const ASK = ["Connection: Upgrade", "Upgrade: shout"] as const;

/** What a client gets where these headers were added. */
function switched(...added: string[]): string {
  return wire(["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", ...added, "", ""].join("\n"));
}

/** Sends the 101, and then gives back in upper case what comes. */
function shout(connection: object, headers: HeaderList): Duplex {
  const socket = connection as Duplex;
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  socket.write(switched(...lines));
  socket.on("data", (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
  socket.on("end", () => socket.end());
  return socket;
}

const shouting: App = (environ, startResponse) => {
  environ["tsgi.exchange"].onUpgrade?.(shout);
  startResponse("101 Switching Protocols", [["X-App", "yes"]]);
};

async function client(t: TestContext, app: App): Promise<{ client: RawClient; log: readonly string[] }> {
  const { connect, log } = await start(t, lint(app));
  return { client: await connect(), log };
}

const kinds: Record<string, App> = {
  "an app": shouting,
  "an async app": async (environ, startResponse) => {
    await aWhile();
    return shouting(environ, startResponse);
  },
  "a generator": function* (environ, startResponse) {
    shouting(environ, startResponse);
    yield "";
  },
  "an async generator": async function* (environ, startResponse) {
    await aWhile();
    shouting(environ, startResponse);
    yield "";
  },
  "an app that flushes": (environ, startResponse) => {
    environ["tsgi.exchange"].flush?.();
    return shouting(environ, startResponse);
  },
};

const inPlace = (app: App): App => {
  return (environ, startResponse) =>
    app(environ, (status, headers, error) =>
      startResponse(status, [...headers, ["X-Layer", status.slice(0, 3)]], error),
    );
};

const ADDED = "X-Layer: 101";

/** Each layer, and the lines that it adds to the 101. */
const layers: Record<string, readonly [(app: App) => App, ...string[]]> = {
  "no layer": [(app) => app],
  "a layer in place": [inPlace, ADDED],
  "a layer with capture": [
    (app) => async (environ, startResponse) => {
      const { status, headers, body } = await capture(app, environ);
      startResponse(status, [...headers, ["X-Layer", status.slice(0, 3)]]);
      return body;
    },
    ADDED,
  ],
  cors: [cors, "Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: *"],
  dispatcher: [(app) => inPlace(dispatcher(notFound, { "/": app })), ADDED],
  hosts: [(app) => inPlace(hosts(notFound, { a: app })), ADDED],
  proxyFix: [(app) => inPlace(proxyFix(app, { trust: 1 })), ADDED],
  router: [(app) => inPlace(router(notFound, { "/{*path}": app })), ADDED],
  "cascade, first": [(app) => inPlace(cascade([app, notFound])), ADDED],
  "cascade, last": [(app) => inPlace(cascade([notFound, app])), ADDED],
  staticFiles: [(app) => inPlace(staticFiles(app, { "/static": import.meta.dirname })), ADDED],
  "a transform of text": [
    (app) =>
      inPlace(
        transform(
          app,
          mapText("text/plain", (each) => `${each}!`),
        ),
      ),
    ADDED,
  ],
  "a transform of headers and body": [
    (app) =>
      lint(
        transform(lint(app), ({ status, headers }) => ({
          status,
          headers: [...headers, ["X-Layer", "101"]],
          body: "x",
        })),
      ),
    ADDED,
  ],
};

for (const [layer, [wrap, ...added]] of Object.entries(layers)) {
  for (const [kind, app] of Object.entries(kinds)) {
    test(`onUpgrade: ${kind} gets its connection within ${layer}, which adds to the 101`, async (t) => {
      const { client: asking, log } = await client(t, wrap(lint(app)));
      asking.get("/", ...ASK).send("early ");
      await asking.until("EARLY ");
      asking.send("late").socket.end();
      assert.equal(await asking.all(), `${switched("X-App: yes", ...added)}EARLY LATE`);
      assert.deepEqual(log, []);
    });
  }
}

test("onUpgrade: another response of a layer refuses the connection", async (t) => {
  let taken = 0;
  const refusing: App = async (environ, startResponse) => {
    const { body } = await capture((inner, start) => {
      inner["tsgi.exchange"].onUpgrade?.(() => taken++);
      start("101 Switching Protocols", []);
    }, environ);
    assert.equal(body, undefined);
    return text("no\n", { status: "403 Forbidden" })(environ, startResponse);
  };
  const { client: asking, log } = await client(t, refusing);
  asking.get("/", ...ASK);
  assert.match(await asking.until("no\n"), /^HTTP\/1\.1 403 Forbidden\r\n/);
  assert.equal(taken, 0);
  assert.deepEqual(log, []);
});

test("onUpgrade: an app that answers something else keeps its exchange", async (t) => {
  const { client: asking, log } = await client(t, (environ, startResponse) => {
    environ["tsgi.exchange"].onUpgrade?.(() => assert.fail());
    return hello(environ, startResponse);
  });
  asking.get("/", ...ASK).get("/", ...ASK, "Connection: close");
  assert.equal((await asking.all()).match(/hello/g)?.length, 2);
  assert.deepEqual(log, []);
});

test("onUpgrade: without it, a 101 is not a response", async (t) => {
  const { connect, log } = await start(t, (_environ, startResponse) => {
    startResponse("101 Switching Protocols", []);
  });
  const asking = await connect();
  asking.get("/", ...ASK);
  assert.match(await asking.until("\n\n".replaceAll("\n", "\r\n")), /^HTTP\/1\.1 500 /);
  assert.match(log.join(""), /"101 Switching Protocols" is not a status line/);
});

test("onUpgrade: the connection is cut where taking it fails, and the error is reported once", async (t) => {
  await allOwned(async () => {
    for (const take of [
      () => {
        throw new Error("no take");
      },
      async () => {
        throw new Error("no take");
      },
    ]) {
      const { client: asking, log } = await client(t, (environ, startResponse) => {
        environ["tsgi.exchange"].onUpgrade?.(take);
        startResponse("101 Switching Protocols", []);
      });
      asking.get("/", ...ASK);
      assert.equal(await asking.all(), "");
      assert.equal(log.join("").match(/Error: no take/g)?.length, 1);
    }
  });
});

test("onUpgrade: a client that has ended its side is cut, and nothing is taken", async (t) => {
  let isAnswered = false;
  const { client: asking, log } = await client(t, async (environ, startResponse) => {
    environ["tsgi.exchange"].onUpgrade?.(() => assert.fail());
    await eventually(() => environ["tsgi.exchange"].upgrade === undefined);
    startResponse("101 Switching Protocols", []);
    isAnswered = true;
  });
  asking.get("/", ...ASK).socket.end();
  await asking.all();
  await eventually(() => isAnswered);
  assert.deepEqual(log, []);
});

test("onUpgrade: a body of a 101 is closed, and lint quotes the rule for its chunks", async (t) => {
  let closed = 0;
  const app: App = function* (environ, startResponse) {
    try {
      shouting(environ, startResponse);
      yield "";
      yield "";
    } finally {
      closed++;
    }
  };
  const { client: asking } = await client(t, app);
  assert.equal(
    await asking
      .get("/", ...ASK)
      .send("late")
      .until("LATE"),
    `${switched("X-App: yes")}LATE`,
  );
  await eventually(() => closed === 1);
  const bad = await client(t, (environ, startResponse) => {
    shouting(environ, startResponse);
    return "a body";
  });
  assert.match(await bad.client.get("/", ...ASK).until("500"), /^HTTP\/1\.1 500/);
  assert.match(bad.log.join(""), /An app that has called `exchange.onUpgrade` may answer `101 Switching Protocols`/);
});

test("onUpgrade: is absent where upgrade is", async () => {
  let exchange: Environ["tsgi.exchange"] | undefined;
  await request((environ, startResponse) => {
    exchange = environ["tsgi.exchange"];
    return hello(environ, startResponse);
  }, "/");
  assert.equal(exchange?.onUpgrade, undefined);
  assert.equal(exchange?.onServerClose, undefined);
  assert.equal(exchange?.awaitsUpgrade, false);
});

test("onServerClose: calls back once, when the server begins to close", async (t) => {
  const order: string[] = [];
  const { server, connect } = await start(t, (environ, startResponse) => {
    environ["tsgi.exchange"].onServerClose?.(() => order.push("closes"));
    return hello(environ, startResponse);
  });
  const asking = await connect();
  await asking.get("/").until("hello");
  assert.equal(order.length, 0);
  const closing = server.close({ linger: 0 }).then(() => {
    order.push("closed");
  });
  assert.equal(order.join(), "closes");
  await closing;
  await server.close();
  assert.deepEqual(order, ["closes", "closed"]);
});

test("onServerClose: what is taken back is not called", async (t) => {
  let calls = 0;
  const { server, connect } = await start(t, (environ, startResponse) => {
    const { onServerClose, onEnd } = environ["tsgi.exchange"];
    const takeBack = onServerClose?.(() => calls++);
    onEnd?.call(environ["tsgi.exchange"], () => takeBack?.());
    return hello(environ, startResponse);
  });
  await (await connect()).get("/").until("hello");
  await server.close({ linger: 0 });
  assert.equal(calls, 0);
});

test("onServerClose: an error of the callback is reported, and the server closes", async (t) => {
  const { server, connect, log } = await start(t, (environ, startResponse) => {
    environ["tsgi.exchange"].onServerClose?.(() => {
      throw new Error("no end");
    });
    return hello(environ, startResponse);
  });
  const asking = await connect();
  await asking.get("/").until("hello");
  await server.close({ linger: 0 });
  assert.equal(log.join("").match(/Error: no end/g)?.length, 1);
});
