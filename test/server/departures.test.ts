import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readBytes } from "../../src/body/input.ts";
import type { App, Chunk, Environ, StartResponse } from "../../src/gateway.ts";
import { aWhile, eventually, HELLO, hello, type RawClient, start } from "../support/raw-client.ts";

/** What happened to an exchange, in order. */
interface Diary {
  events: string[];
  app: App;
}

/** An app that keeps a diary of its end, around another. */
function diary(inner: (environ: Environ, startResponse: StartResponse, events: string[]) => ReturnType<App>): Diary {
  const events: string[] = [];
  return {
    events,
    app(environ, startResponse) {
      const exchange = environ["tsgi.exchange"];
      exchange.onAbort?.(() => events.push("onAbort"));
      exchange.signal?.addEventListener("abort", () => events.push("signal"));
      return inner(environ, startResponse, events);
    },
  };
}

/** A body that never ends by itself, and tells when it is finished. */
function endless(events: string[], chunk: Chunk): AsyncIterable<Chunk> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        await sleep(5);
        return { done: false, value: chunk };
      },
      return: async () => {
        events.push("finished");
        return { done: true, value: undefined };
      },
    }),
  };
}

const leave: [string, (client: RawClient) => void][] = [
  ["closes", (client) => client.socket.destroy()],
  ["ends", (client) => client.socket.end().resume()],
  ["resets", (client) => client.socket.resetAndDestroy()],
];

for (const [how, go] of leave) {
  test(`departures: a client that ${how} before it said anything is not an error`, async (t) => {
    const { log, connect } = await start(t, hello);
    go(await connect());
    await aWhile();
    assert.equal(await (await connect()).get("/").until("hello"), HELLO);
    assert.deepEqual(log, []);
  });

  test(`departures: a client that ${how} amid a head is not an error`, async (t) => {
    const { log, connect } = await start(t, () => assert.fail("the app was called"));
    const client = await connect();
    client.send("GET / HTTP/1.1\r\nHo");
    await aWhile();
    go(client);
    await aWhile();
    assert.deepEqual(log, []);
  });

  test(`departures: a client that ${how} amid its body fails the read`, async (t) => {
    const { events, app } = diary(async (environ, startResponse, events) => {
      events.push("reading");
      try {
        await readBytes(environ);
      } catch (error) {
        events.push((error as { code: string }).code);
        throw error;
      }
      return hello(environ, startResponse);
    });
    const { log, connect } = await start(t, app);
    const client = await connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    await eventually(() => events.length === 1);
    go(client);
    await eventually(() => events.length === 4);
    await aWhile();
    assert.deepEqual(events, ["reading", "onAbort", "signal", "TSGI_CLIENT_GONE"]);
    assert.deepEqual(log, []);
  });

  test(`departures: a client that ${how} amid a body that nobody reads aborts the exchange`, async (t) => {
    const { events, app } = diary(async (environ, startResponse, events) => {
      const { signal } = environ["tsgi.exchange"];
      events.push("waiting");
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      return hello(environ, startResponse);
    });
    const { log, connect } = await start(t, app);
    const client = await connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    await eventually(() => events.length === 1);
    go(client);
    await eventually(() => events.length === 3);
    assert.deepEqual(events, ["waiting", "onAbort", "signal"]);
    assert.deepEqual(log, []);
  });

  // A client that ends its side after its request waits for the answer.
  if (how === "ends") continue;

  test(`departures: a client that ${how} while the app waits aborts the exchange, and the body is finished`, async (t) => {
    const { events, app } = diary(async (environ, startResponse, events) => {
      startResponse("200 OK", []);
      events.push("waiting");
      await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
      await aWhile();
      return Object.assign(endless(events, "x"), { close: () => events.push("finished") });
    });
    const { log, connect } = await start(t, app);
    const client = await connect();
    client.get("/");
    await eventually(() => events.length === 1);
    go(client);
    await eventually(() => events.length === 4);
    await aWhile();
    assert.deepEqual(events, ["waiting", "onAbort", "signal", "finished"]);
    assert.deepEqual(log, []);
  });

  for (const [size, chunk] of [
    ["small", "abc"],
    ["large", "x".repeat(1 << 20)],
  ] as const) {
    test(`departures: a client that ${how} amid a response of ${size} chunks finishes the body, the signal first`, async (t) => {
      const { events, app } = diary((_environ, startResponse, events) => {
        startResponse("200 OK", []);
        return endless(events, chunk);
      });
      const { log, connect } = await start(t, app);
      const client = await connect();
      client.get("/");
      await client.until(chunk.slice(0, 3));
      client.socket.pause();
      await aWhile();
      go(client);
      await eventually(() => events.length === 3);
      await aWhile();
      assert.deepEqual(events, ["onAbort", "signal", "finished"]);
      assert.deepEqual(log, []);
    });
  }
}

test("departures: a body that arrived whole is readable after the client has left", async (t) => {
  const codes: string[] = [];
  const { connect } = await start(t, async (environ) => {
    codes.push("waiting");
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    await aWhile();
    await readBytes(environ).then(
      (bytes) => codes.push(`${bytes.length} bytes`),
      (error) => codes.push(error.code),
    );
  });
  const client = await connect();
  const request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  client.send(request + request);
  await eventually(() => codes.length === 1);
  client.socket.destroy();
  await eventually(() => codes.length === 2);
  assert.deepEqual(codes, ["waiting", "3 bytes"]);
});

test("departures: a read that goes on after the response is told, not given half a body", async (t) => {
  const codes: string[] = [];
  const { connect } = await start(t, (environ, startResponse) => {
    if (environ.REQUEST_METHOD === "POST") {
      const told = (error: { code: string }) => codes.push(error.code);
      readBytes(environ).then(() => codes.push("whole"), told);
      setTimeout(() => readBytes(environ).then(() => codes.push("whole"), told), 20);
    }
    return hello(environ, startResponse);
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  assert.equal(await client.until("hello"), HELLO);
  await eventually(() => codes.length === 2);
  client.clear();
  assert.equal(await client.send("def").get("/").until("hello"), HELLO);
  assert.deepEqual(codes, ["TSGI_RESPONSE_OVER", "TSGI_RESPONSE_OVER"]);
});

test("departures: write throws once the client is gone", async (t) => {
  const codes: string[] = [];
  const { log, connect } = await start(t, async (environ, startResponse) => {
    const write = startResponse("200 OK", []);
    write("abc");
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    try {
      write("more");
    } catch (error) {
      codes.push((error as { code: string }).code);
      throw error;
    }
  });
  const client = await connect();
  await client.get("/").until("abc");
  client.socket.destroy();
  await eventually(() => codes.length === 1);
  assert.deepEqual(codes, ["TSGI_CLIENT_GONE"]);
  assert.deepEqual(log, []);
});

test("departures: an error of an app that lost its client is reported", async (t) => {
  const { log, connect } = await start(t, async (environ) => {
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    throw new Error("upstream aborted");
  });
  const client = await connect();
  client.get("/");
  await aWhile();
  client.socket.destroy();
  await eventually(() => log.length === 1);
  assert.match(log[0] ?? "", /^GET \/: Error: upstream aborted\n/);
});

test("departures: onAbort and the signal stay silent once the response was handed over", async (t) => {
  const { events, app } = diary((environ, startResponse, events) => {
    const exchange = environ["tsgi.exchange"];
    setTimeout(() => exchange.onAbort?.(() => events.push("late")), 20);
    return hello(environ, startResponse);
  });
  const { connect } = await start(t, app);
  const client = await connect();
  await client.get("/").until("hello");
  await aWhile();
  client.socket.destroy();
  await aWhile();
  assert.deepEqual(events, []);
});

test("departures: onAbort calls back at once where the client is gone already", async (t) => {
  const events: string[] = [];
  const { connect } = await start(t, async (environ) => {
    const exchange = environ["tsgi.exchange"];
    await new Promise<void>((resolve) => exchange.onAbort?.(resolve));
    exchange.onAbort?.(() => events.push("called"));
    events.push(String(exchange.signal?.aborted));
  });
  const client = await connect();
  client.get("/");
  await aWhile();
  client.socket.destroy();
  await eventually(() => events.length === 2);
  assert.deepEqual(events, ["called", "true"]);
});

test("departures: an iterator that never settles does not keep its exchange", async (t) => {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const exchanges: WeakRef<object>[] = [];
  const { server, connect } = await start(t, (environ, startResponse) => {
    exchanges.push(new WeakRef(environ["tsgi.exchange"]));
    startResponse("200 OK", []);
    return { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
  });
  for (let count = 0; count < 20; count++) {
    const client = await connect();
    client.get("/");
    await eventually(() => exchanges.length > count);
    client.socket.destroy();
  }
  await server.close({ grace: 0 });
  await eventually(() => {
    gc();
    return exchanges.filter((exchange) => exchange.deref() !== undefined).length <= 1;
  });
});

test("departures: what arrived of a body is readable after the client has left, then the read rejects", async (t) => {
  const read: string[] = [];
  const { connect } = await start(t, async (environ) => {
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    try {
      for await (const chunk of environ["tsgi.input"]) read.push(Buffer.from(chunk).toString());
    } catch (error) {
      read.push((error as { code: string }).code);
    }
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  await aWhile();
  client.socket.destroy();
  await eventually(() => read.length === 2);
  assert.deepEqual(read, ["abc", "TSGI_CLIENT_GONE"]);
});

test("departures: a read that nobody waits for ends nothing when the client leaves", async (t) => {
  const unhandled: unknown[] = [];
  const collect = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", collect);
  t.after(() => process.off("unhandledRejection", collect));
  let left = 0;
  const { log, connect } = await start(t, async (environ) => {
    const input = environ["tsgi.input"][Symbol.asyncIterator]();
    void input.next();
    void input.next();
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    void input.next();
    left++;
  });
  for (const framing of ["Content-Length: 6", "Transfer-Encoding: chunked"]) {
    const client = await connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
    await aWhile();
    client.socket.destroy();
  }
  await eventually(() => left === 2);
  await aWhile();
  assert.deepEqual(unhandled, []);
  assert.deepEqual(log, []);
});

for (const [when, isLate, expected] of [
  ["before the response", false, "abc"],
  ["after the response", true, "TSGI_RESPONSE_OVER"],
] as const) {
  test(`departures: a body that arrived ${when}, and is read later, reads as ${expected}`, async (t) => {
    const read: string[] = [];
    const { connect } = await start(t, async (environ, startResponse) => {
      if (environ.REQUEST_METHOD === "GET") return hello(environ, startResponse);
      if (!isLate) await aWhile();
      setTimeout(() => {
        readBytes(environ).then(
          (bytes) => read.push(Buffer.from(bytes).toString()),
          (error) => read.push(error.code),
        );
      }, 20);
      return hello(environ, startResponse);
    });
    const client = await connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    if (isLate) await client.until(HELLO);
    client.send("abc").get("/");
    await client.until(HELLO + HELLO);
    await eventually(() => read.length === 1);
    assert.deepEqual(read, [expected]);
  });
}

test("departures: a client that ends its side after its request gets its answer", async (t) => {
  const { connect } = await start(t, async (environ, startResponse) => {
    await aWhile();
    const bytes = await readBytes(environ);
    startResponse("200 OK", []);
    return (async function* () {
      yield bytes;
      for (let count = 0; count < 5; count++) {
        await sleep(100);
        yield ".";
      }
    })();
  });
  const client = await connect();
  client.socket.end("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  assert.match(await client.all(), /\r\n\r\n3\r\nabc\r\n(0*1\r\n\.\r\n){5}0+\r\n\r\n$/);
  assert.equal(client.end, "end");
});

test("departures: a client that ends its side gets the answers to all its requests", async (t) => {
  const { connect } = await start(t, async (environ, startResponse) => {
    await aWhile();
    return hello(environ, startResponse);
  });
  const client = await connect();
  client.get("/").get("/").get("/").socket.end();
  assert.equal(await client.all(), HELLO.repeat(3));
  assert.equal(client.end, "end");
});

test("departures: a client that ends its side, and leaves later, is noticed", async (t) => {
  const { events, app } = diary(async (environ, startResponse, events) => {
    events.push("waiting");
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    return hello(environ, startResponse);
  });
  const { connect } = await start(t, app);
  const client = await connect();
  client.get("/").socket.end();
  await aWhile();
  assert.deepEqual(events, ["waiting"]);
  client.socket.destroy();
  await eventually(() => events.length === 3);
});

test("departures: a client that ends its side amid a response of known length, and leaves later, is noticed", async (t) => {
  const { events, app } = diary((environ, startResponse) => {
    startResponse("200 OK", [["Content-Length", "10"]]);
    return (async function* () {
      yield "12345";
      await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    })();
  });
  const { connect } = await start(t, app, { keepAliveTimeout: 200 });
  const client = await connect();
  await client.get("/").until("12345");
  client.socket.end();
  await aWhile();
  assert.deepEqual([events, client.end], [[], undefined]);
  client.socket.resetAndDestroy();
  await eventually(() => events.length === 2);
});

test("departures: a client that resets is noticed while more than is held of its body waits in the socket", async (t) => {
  const { events, app } = diary(async (environ, startResponse, events) => {
    events.push("waiting");
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    return hello(environ, startResponse);
  });
  const { connect } = await start(t, app, { keepAliveTimeout: 200 });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").send(Buffer.alloc(500_000));
  await eventually(() => events.length === 1);
  await aWhile();
  client.socket.resetAndDestroy();
  await eventually(() => events.length === 3);
});

for (const [what, early, rest] of [
  ["the head", "H", /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/s],
  ["a chunk", "0", /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n0+3\r\nabc\r\n0*3\r\nabc\r\n0+\r\n\r\n$/s],
] as const) {
  test(`departures: a client that ends its side gets the beginning of ${what} early, and all of it once`, async (t) => {
    const opened: (() => void)[] = [];
    const gate = () => new Promise<void>((resolve) => opened.push(resolve));
    const { connect } = await start(t, async function* (environ, startResponse) {
      environ["tsgi.exchange"].onAbort?.(() => {});
      if (early === "H") await gate();
      startResponse("200 OK", []);
      if (early === "0") environ["tsgi.exchange"].flush?.();
      for (let count = early === "0" ? 2 : 1; count > 0; count--) {
        if (early === "0") await gate();
        yield "abc";
      }
    });
    const client = await connect();
    client.get("/").socket.end();
    await client.until(early === "H" ? "H" : "\r\n\r\n0");
    while (client.end === undefined) {
      await aWhile();
      opened.pop()?.();
    }
    assert.match(client.received, rest);
    assert.equal(client.end, "end");
  });
}
