import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { connect as connectSecurely } from "node:tls";
import { cascade } from "../../middleware/cascade.ts";
import { cors } from "../../middleware/cors.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { hosts } from "../../middleware/hosts.ts";
import { lint } from "../../middleware/lint.ts";
import { router } from "../../middleware/router.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { notFound } from "../../src/apps.ts";
import { capture } from "../../src/exchange/capture.ts";
import type { App, Environ } from "../../src/gateway.ts";
import type { ServeOptions } from "../../src/server/serve.ts";
import { request } from "../../src/testing.ts";
import { certificate } from "../support/certificate.ts";
import { aWhile, eventually, HELLO, hello, RawClient, start, wire } from "../support/raw-client.ts";
import { ASK, SWITCHED, shout, shouting } from "../support/shout.ts";
import { allOwned } from "../support/unowned.ts";

/** A client of an app, through lint, and what the app's server has reported. */
async function client(
  t: TestContext,
  app: App,
  options?: ServeOptions,
): Promise<{ client: RawClient; log: readonly string[] }> {
  const started = await start(t, lint(app), options);
  return { client: await started.connect(), log: started.log };
}

test("upgrade: the connection is the app's, in both directions", async (t) => {
  const { client: asking, log } = await client(t, shouting);
  await asking.get("/", ...ASK).until("\r\n\r\n");
  await asking.send("one ").until("ONE ");
  assert.equal(await asking.send("two").until("TWO"), `${SWITCHED}ONE TWO`);
  asking.socket.end();
  assert.equal(await asking.all(), `${SWITCHED}ONE TWO`);
  assert.equal(asking.end, "end");
  assert.deepEqual(log, []);
});

test("upgrade: what came with the request is the first that is read", async (t) => {
  const { client: asking } = await client(t, shouting);
  asking.send(wire(`GET / HTTP/1.1\nHost: a\n${ASK.join("\n")}\n\n`).concat("early\r\n\r\nbytes"));
  assert.equal(await asking.until("BYTES"), `${SWITCHED}EARLY\r\n\r\nBYTES`);
});

test("upgrade: what comes while the app makes up its mind is kept, however much it is", async (t) => {
  let decide = (): void => {};
  const { client: asking } = await client(t, async (environ) => {
    await new Promise<void>((resolve) => {
      decide = resolve;
    });
    shout(environ);
  });
  asking.get("/", ...ASK).send("a".repeat(1_000_000));
  await aWhile();
  decide();
  asking.send("!");
  assert.equal(await asking.until("!"), `${SWITCHED}${"A".repeat(1_000_000)}!`);
});

test("upgrade: the socket can be iterated and piped as well", async (t) => {
  const { client: asking } = await client(t, async (environ) => {
    const socket = environ["tsgi.exchange"].upgrade?.() as Duplex;
    for await (const chunk of socket) {
      if (String(chunk) === "pipe") break;
      socket.write(`${chunk}!`);
    }
  });
  asking.get("/", ...ASK).send("early");
  assert.equal(await asking.until("!"), "early!");
  const { client: piping } = await client(t, (environ) => {
    const socket = environ["tsgi.exchange"].upgrade?.() as Duplex;
    socket.pipe(socket);
  });
  piping.get("/", ...ASK).send("early");
  await piping.until("early");
  assert.equal(await piping.send(" late").until("late"), "early late");
});

test("upgrade: earlier answers on the connection come first", async (t) => {
  const { client: asking } = await client(t, async (environ, startResponse) => {
    if (environ.PATH_INFO === "/") return shouting(environ, startResponse);
    await aWhile();
    return hello(environ, startResponse);
  });
  asking.get("/slow").get("/", ...ASK);
  assert.equal(await asking.send("x").until("X"), `${HELLO}${SWITCHED}X`);
});

test("upgrade: after a request whose upgrade nobody takes comes the next one", async (t) => {
  const { client: asking } = await client(t, hello);
  asking.get("/", ...ASK).get("/", ...ASK);
  asking.get("/last", "Connection: close");
  const answers = await asking.all();
  assert.equal(answers, `${HELLO}${HELLO}${HELLO.replace(/keep-alive\r\n.*\r\n/, "close\r\n")}`);
});

const GET = "GET / HTTP/1.1\nHost: a\n";
for (const [what, sent] of [
  ["without Connection: upgrade", `${GET}Upgrade: shout\n\n`],
  ["without Upgrade", `${GET}Connection: upgrade\n\n`],
  ["in HTTP/1.0", "GET / HTTP/1.0\nHost: a\nConnection: upgrade\nUpgrade: shout\n\n"],
  ["with a body of declared length", `POST${GET.slice(3)}${ASK.join("\n")}\nContent-Length: 1\n\nx`],
  ["with a body in chunks", `POST${GET.slice(3)}${ASK.join("\n")}\nTransfer-Encoding: chunked\n\n0\n\n`],
] as const) {
  test(`upgrade: is absent ${what}`, async (t) => {
    const { client: asking } = await client(t, shouting);
    assert.match(await asking.send(wire(sent)).until("hello"), /^HTTP\/1\.1 200 OK\r\n/);
  });
}

for (const [what, lines] of [
  ["among other options", ["Connection: keep-alive, Upgrade", "Upgrade: shout"]],
  ["in lines of their own, in any case", ["connection: keep-alive", "CONNECTION: uPGRADE", "upgrade: shout"]],
  ["with an empty body", [...ASK, "Content-Length: 0"]],
] as const) {
  test(`upgrade: is there ${what}`, async (t) => {
    const { client: asking } = await client(t, shouting);
    assert.equal(
      await asking
        .get("/", ...lines)
        .send("x")
        .until("X"),
      `${SWITCHED}X`,
    );
  });
}

test("upgrade: the same connection may say no before it says yes", async (t) => {
  const { client: asking } = await client(t, shouting);
  assert.equal(await asking.get("/").until("hello"), HELLO);
  asking.clear();
  assert.equal(
    await asking
      .get("/", ...ASK)
      .send("x")
      .until("X"),
    `${SWITCHED}X`,
  );
});

for (const [what, begin] of [
  ["a chunk was written", (write: (chunk: string) => unknown) => void write("x")],
  ["the head was flushed", (_write: unknown, environ: Environ) => environ["tsgi.exchange"].flush?.()],
] as const) {
  test(`upgrade: throws after ${what}`, async (t) => {
    let code: unknown;
    const { client: asking } = await client(t, (environ, startResponse) => {
      const { upgrade } = environ["tsgi.exchange"];
      begin(startResponse("200 OK", []), environ);
      try {
        upgrade?.();
      } catch (error) {
        code = (error as { code: string }).code;
      }
      return "whole";
    });
    assert.match(await asking.get("/", ...ASK).until("whole"), /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(code, "TSGI_RESPONSE_OVER");
    assert.match(await asking.get("/", "Connection: close").all(), /0\r\n\r\n$/);
  });
}

test("upgrade: can be taken once", async (t) => {
  let second: unknown;
  const { client: asking } = await client(t, (environ) => {
    const { upgrade } = environ["tsgi.exchange"];
    shout(environ);
    assert.equal(environ["tsgi.exchange"].upgrade, undefined);
    assert.equal(environ["tsgi.exchange"].isUpgraded, true);
    try {
      upgrade?.();
    } catch (error) {
      second = (error as { code: string }).code;
    }
  });
  assert.equal(
    await asking
      .get("/", ...ASK)
      .send("x")
      .until("X"),
    `${SWITCHED}X`,
  );
  assert.equal(second, "TSGI_RESPONSE_OVER");
});

/** A body that counts how often it was closed. */
function countedBody(): { body: AsyncIterable<string>; closed: () => number } {
  let closed = 0;
  const body = {
    [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false as const, value: "never" }) }),
    close: () => closed++,
  };
  return { body, closed: () => closed };
}

test("upgrade: a body that the app returns is closed, and not sent", async (t) => {
  const { body, closed } = countedBody();
  const { connect, log } = await start(t, (environ) => {
    shout(environ);
    return body;
  });
  const asking = await connect();
  assert.equal(
    await asking
      .get("/", ...ASK)
      .send("x")
      .until("X"),
    `${SWITCHED}X`,
  );
  assert.equal(closed(), 1);
  assert.deepEqual(log, []);
});

test("upgrade: a generator may take it, and is closed where it goes on", async (t) => {
  let closed = 0;
  const { connect, log } = await start(t, async function* (environ) {
    try {
      shout(environ);
      yield "never sent";
    } finally {
      closed++;
    }
  });
  const asking = await connect();
  assert.equal(
    await asking
      .get("/", ...ASK)
      .send("x")
      .until("X"),
    `${SWITCHED}X`,
  );
  await eventually(() => closed === 1);
  assert.deepEqual(log, []);
});

test("upgrade: a body that still waits for its first chunk is closed", async (t) => {
  let closed = 0;
  const { connect, log } = await start(t, (environ) => {
    setTimeout(() => shout(environ), 10);
    const body: AsyncIterableIterator<string> = {
      [Symbol.asyncIterator]: () => body,
      next: () => new Promise(() => {}),
      async return() {
        closed++;
        return { done: true, value: undefined };
      },
    };
    return body;
  });
  const asking = await connect();
  assert.equal(
    await asking
      .get("/", ...ASK)
      .send("x")
      .until("X"),
    `${SWITCHED}X`,
  );
  assert.equal(closed, 1);
  assert.deepEqual(log, []);
});

test("upgrade: a response that follows is an error, and cuts the connection", async (t) => {
  const { connect, log } = await start(t, (environ, startResponse) => {
    environ["tsgi.exchange"].upgrade?.();
    return hello(environ, startResponse);
  });
  const asking = await connect();
  assert.equal(await asking.get("/", ...ASK).all(), "");
  assert.match(log.join(""), /TSGI_RESPONSE_OVER|the response has ended already/);
});

test("upgrade: an app that fails after it is reported once, and its client does not wait", async (t) => {
  const { connect, log } = await start(t, async (environ) => {
    shout(environ);
    await aWhile();
    throw new Error("later");
  });
  const asking = await connect();
  assert.equal(await asking.get("/", ...ASK).all(), SWITCHED);
  assert.equal(log.join("").match(/Error: later/g)?.length, 1);
});

test("upgrade: lint quotes the rule for a chunk that follows", async (t) => {
  const { client: asking, log } = await client(t, (environ) => {
    shout(environ);
    return "never sent";
  });
  assert.equal(await asking.get("/", ...ASK).all(), SWITCHED);
  assert.match(log.join(""), /An app that has called `exchange.upgrade` sends no response/);
});

const upper = mapText("text/plain", (text) => text.toUpperCase());
const layers: Record<string, (app: App) => App> = {
  dispatcher: (app) => dispatcher(notFound, { "/": app }),
  hosts: (app) => hosts(notFound, { a: app }),
  router: (app) => router(notFound, { "/{*path}": app }),
  cors,
  "cascade, first": (app) => cascade([app, notFound]),
  "cascade, last": (app) => cascade([notFound, app]),
  transform: (app) => transform(app, upper),
  "a transform of everything": (app) => transform(app, ({ status, headers }) => ({ status, headers, body: "other" })),
  "two transforms": (app) => transform(lint(transform(app, upper)), upper),
  "a layer of its own with capture": (app) => async (environ, startResponse) => {
    const { status, headers, body } = await capture(app, environ);
    startResponse(status, [...headers, ["X-Seen", "yes"]]);
    return body;
  },
};

const apps: Record<string, App> = {
  "an app": shouting,
  "an async app": async (environ, startResponse) => {
    await aWhile();
    return shouting(environ, startResponse);
  },
  "a generator": function* (environ) {
    shout(environ);
    yield "";
  },
  "an async generator": async function* (environ) {
    await aWhile();
    shout(environ);
    yield "";
  },
  "an async app that stays": async (environ) => {
    const socket = shout(environ);
    await new Promise((resolve) => socket.once("close", resolve));
  },
};

for (const [layer, wrap] of Object.entries(layers)) {
  for (const [kind, app] of Object.entries(apps)) {
    test(`upgrade: ${kind} takes it within ${layer}`, async (t) => {
      const { client: asking, log } = await client(t, wrap(lint(app)));
      asking.get("/", ...ASK).send("early ");
      await asking.until("EARLY ");
      assert.equal(await asking.send("late").until("LATE"), `${SWITCHED}EARLY LATE`);
      asking.socket.end();
      assert.equal(await asking.all(), `${SWITCHED}EARLY LATE`);
      assert.deepEqual(log, []);
    });
  }
}

test("upgrade: is absent where there is no connection", async () => {
  const answer = await request(shouting, "/", { headers: { Connection: "Upgrade", Upgrade: "shout" } });
  assert.equal(await answer.text(), "hello");
});

test("upgrade: is absent once the client has ended its side, and the answer arrives", async (t) => {
  let code: unknown;
  const { client: asking } = await client(t, async (environ, startResponse) => {
    const { upgrade } = environ["tsgi.exchange"];
    assert.equal(typeof upgrade, "function");
    await eventually(() => environ["tsgi.exchange"].upgrade === undefined);
    try {
      upgrade?.();
    } catch (error) {
      code = (error as { code: string }).code;
    }
    return hello(environ, startResponse);
  });
  asking.get("/", ...ASK, "X: 1").socket.end("bytes of another protocol");
  assert.match(await asking.all(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*hello/);
  assert.equal(code, "TSGI_CLIENT_GONE");
});

test("upgrade: throws once the client has left", async (t) => {
  let code: unknown;
  const { client: asking, log } = await client(t, async (environ) => {
    const { upgrade, signal } = environ["tsgi.exchange"];
    await eventually(() => signal?.aborted === true);
    try {
      upgrade?.();
    } catch (error) {
      code = (error as { code: string }).code;
      throw error;
    }
  });
  asking.get("/", ...ASK);
  await aWhile();
  asking.socket.resetAndDestroy();
  await eventually(() => code !== undefined);
  assert.equal(code, "TSGI_CLIENT_GONE");
  await aWhile();
  assert.deepEqual(log, []);
});

test("upgrade: a client that leaves afterwards ends nothing, and its leaving is the app's to see", async (t) => {
  await allOwned(async () => {
    let closed = 0;
    const { client: asking } = await client(t, (environ) => {
      const socket = environ["tsgi.exchange"].upgrade?.() as Duplex;
      socket.on("close", () => closed++);
      // Without a listener for errors, as careless code has it.
      const timer = setInterval(() => socket.write("x".repeat(100_000)), 1);
      socket.on("close", () => clearInterval(timer));
    });
    await asking.get("/", ...ASK).until("x");
    asking.socket.resetAndDestroy();
    await eventually(() => closed === 1);
  });
});

test("upgrade: time limits are the app's own from then on", async (t) => {
  const limits = { headersTimeout: 40, requestTimeout: 40, bodyTimeout: 40, keepAliveTimeout: 40 };
  let socket: Duplex | undefined;
  const { client: asking } = await client(
    t,
    (environ) => {
      socket = shout(environ);
    },
    limits,
  );
  await asking.get("/", ...ASK).until(SWITCHED);
  // Nothing is read on the client's side, so that the server's waits.
  asking.socket.pause();
  socket?.write(Buffer.alloc(8_000_000, "y"));
  for (let wait = 0; wait < 5; wait++) await aWhile();
  assert.equal(socket?.destroyed, false);
  asking.socket.resume();
  await asking.send("x").until("X");
});

test("upgrade: a limit that was set for a slow reader is taken away with the connection", async (t) => {
  let socket: Duplex | undefined;
  const { client: asking } = await client(
    t,
    (environ, startResponse) => {
      if (environ["tsgi.exchange"].upgrade !== undefined) {
        socket = shout(environ);
        return;
      }
      startResponse("200 OK", []);
      return Buffer.alloc(7_000_000, "y");
    },
    { bodyTimeout: 200 },
  );
  // The answer waits for its reader for long enough to be timed, and is read in time.
  asking.socket.pause();
  asking.get("/");
  await aWhile();
  await aWhile();
  asking.socket.resume();
  await eventually(() => asking.received.length > 7_000_000);
  await asking.get("/", ...ASK).until("101 Switching");
  assert.equal(socket?.listenerCount("timeout"), 0);
});

test("upgrade: a closing server leaves the connection until the grace is over, then cuts it", async (t) => {
  const { server, connect } = await start(t, shouting);
  const asking = await connect();
  await asking.get("/", ...ASK).until(SWITCHED);
  let isClosed = false;
  const closing = server.close({ linger: 0, grace: 600 }).then(() => {
    isClosed = true;
  });
  await aWhile();
  await aWhile();
  await asking.send("still here").until("STILL HERE");
  assert.equal(isClosed, false);
  await asking.all();
  await closing;
});

test("upgrade: a closing server is closed when the app has ended its connections", async (t) => {
  let socket: Duplex | undefined;
  const { server, connect } = await start(t, (environ) => {
    socket = shout(environ);
  });
  const asking = await connect();
  await asking.get("/", ...ASK).until(SWITCHED);
  const closing = server.close({ grace: 60_000 });
  socket?.end("bye");
  asking.socket.end();
  assert.equal(await asking.all(), `${SWITCHED}bye`);
  await closing;
});

test("upgrade: over TLS", async (t) => {
  const tls = await certificate();
  const { server, log } = await start(t, lint(shouting), { tls });
  const socket = connectSecurely({ port: server.port, ca: tls.cert, servername: "localhost" });
  t.after(() => socket.destroy());
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  const asking = new RawClient(socket);
  asking.get("/", ...ASK).send("early ");
  await asking.until("EARLY ");
  assert.equal(await asking.send("late").until("LATE"), `${SWITCHED}EARLY LATE`);
  const closing = server.close({ linger: 0, grace: 50 });
  await asking.all();
  await closing;
  assert.deepEqual(log, []);
});
