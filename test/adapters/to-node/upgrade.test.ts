import assert from "node:assert/strict";
import { createServer, type Server as HttpServer } from "node:http";
import * as https from "node:https";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { connect as connectSecurely } from "node:tls";
import express from "express";
import Koa from "koa";
import { lint } from "../../../middleware/lint.ts";
import { transform } from "../../../middleware/transform.ts";
import { type ToNodeOptions, toNode } from "../../../src/adapters/to-node.ts";
import { readBytes } from "../../../src/body/input.ts";
import type { App } from "../../../src/gateway.ts";
import { certificate } from "../../support/certificate.ts";
import { aWhile, eventually, hello, RawClient, wire } from "../../support/raw-client.ts";
import { ASK, SWITCHED, shout, shouting } from "../../support/shout.ts";
import { allOwned } from "../../support/unowned.ts";

const LAST_HELLO = wire("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 5\nConnection: close\n\nhello");

/** A client of a Node server with an app as its two listeners, and what was reported. */
async function served(
  t: TestContext,
  app: App,
  options: ToNodeOptions = {},
  server: HttpServer = createServer(),
): Promise<{ ask(): Promise<RawClient>; log: string[]; server: HttpServer }> {
  const log: string[] = [];
  const listener = toNode(lint(app), { errors: { write: (line) => log.push(line) }, ...options });
  if (server.listenerCount("request") === 0) server.on("request", listener);
  server.on("upgrade", listener.upgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const sockets: RawClient[] = [];
  t.after(() => {
    for (const { socket } of sockets) socket.destroy();
    server.close();
    server.closeAllConnections();
  });
  return {
    log,
    server,
    async ask() {
      const client = await RawClient.open(connect((server.address() as AddressInfo).port, "127.0.0.1"));
      sockets.push(client);
      return client;
    },
  };
}

test("toNode, upgrade: the connection is the app's, with what came with the request", async (t) => {
  const { ask, log } = await served(t, shouting);
  const client = await ask();
  client.send(wire(`GET / HTTP/1.1\nHost: a\n${ASK.join("\n")}\n\n`).concat("early "));
  await client.until("EARLY ");
  assert.equal(await client.send("late").until("LATE"), `${SWITCHED}EARLY LATE`);
  client.socket.end();
  assert.equal(await client.all(), `${SWITCHED}EARLY LATE`);
  assert.deepEqual(log, []);
});

test("toNode, upgrade: is taken late, and through a layer that captures responses", async (t) => {
  const late: App = async (environ) => {
    await aWhile();
    shout(environ);
  };
  const { ask, log } = await served(
    t,
    transform(late, (response) => response),
  );
  const client = await ask();
  client.get("/", ...ASK).send("early ");
  await client.until("EARLY ");
  assert.equal(await client.send("late").until("LATE"), `${SWITCHED}EARLY LATE`);
  assert.deepEqual(log, []);
});

test("toNode, upgrade: earlier responses on the connection come first, however slowly they are read", async (t) => {
  const { ask, log } = await served(t, (environ, startResponse) => {
    if (environ.PATH_INFO === "/") return shouting(environ, startResponse);
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    return (async function* () {
      for (let count = 0; count < 20; count++) {
        yield "y".repeat(200_000);
        await new Promise(setImmediate);
      }
      yield `${environ.PATH_INFO} is done`;
    })();
  });
  const client = await ask();
  client.socket.pause();
  client
    .get("/one")
    .get("/two")
    .get("/", ...ASK);
  await aWhile();
  client.socket.resume();
  await client.send("x").until(`${SWITCHED}X`);
  assert.match(
    client.received.replaceAll(/y{20,}/g, ""),
    /\/one is done[\s\S]*\/two is done\r\n0\r\n\r\nHTTP\/1\.1 101/,
  );
  assert.deepEqual(log, []);
});

test("toNode, upgrade: does not reach the app where an earlier response ends the connection", async (t) => {
  let isAsked = false;
  const { ask } = await served(t, async (environ, startResponse) => {
    if (environ.PATH_INFO === "/") isAsked = true;
    await aWhile();
    startResponse("200 OK", []);
    return (async function* () {
      yield "begun";
      throw new Error("midway");
    })();
  });
  const client = await ask();
  client.get("/one").get("/", ...ASK);
  await client.all();
  await aWhile();
  assert.equal(isAsked, false);
});

test("toNode, upgrade: an app that does not take it answers as usual, and the connection ends", async (t) => {
  const { ask, log } = await served(t, hello);
  assert.equal(await (await ask()).get("/", ...ASK).all(), LAST_HELLO);
  assert.equal(
    await (await ask()).send(wire(`HEAD / HTTP/1.1\nHost: a\n${ASK.join("\n")}\n\n`)).all(),
    LAST_HELLO.slice(0, -5),
  );
  assert.deepEqual(log, []);
});

test("toNode, upgrade: a stream with back-pressure, and its end", async (t) => {
  const { ask, log } = await served(t, async function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Length", "4000000"]]);
    for (let count = 0; count < 40; count++) yield Buffer.alloc(100_000, "y");
  });
  const client = await ask();
  client.socket.pause();
  client.get("/", ...ASK);
  await aWhile();
  client.socket.resume();
  const answer = await client.all();
  assert.equal(answer.length - answer.indexOf("\r\n\r\n") - 4, 4_000_000);
  assert.deepEqual(log, []);
});

test("toNode, upgrade: an error before the head is a 500, one after it cuts the connection", async (t) => {
  const { ask, log } = await served(t, (environ, startResponse) => {
    if (environ.PATH_INFO === "/early") throw new Error("early");
    return (async function* () {
      startResponse("200 OK", []);
      yield "begun";
      throw new Error("later");
    })();
  });
  assert.match(await (await ask()).get("/early", ...ASK).all(), /^HTTP\/1\.1 500 [\s\S]*Connection: close/);
  assert.match(await (await ask()).get("/later", ...ASK).all(), /begun\r\n$/);
  assert.match(log.join(""), /early[\s\S]*later/);
});

test("toNode, upgrade: a target that is refused is a 400", async (t) => {
  const { ask } = await served(t, shouting, { canonicalOnly: true });
  assert.match(await (await ask()).get("//x", ...ASK).all(), /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*Connection: close/);
});

test("toNode, upgrade: is absent in HTTP/1.0, and once the head was sent", async (t) => {
  let after: unknown = "unset";
  const { ask } = await served(t, (environ, startResponse) => {
    if (environ.SERVER_PROTOCOL === "HTTP/1.0") return shouting(environ, startResponse);
    const { upgrade } = environ["tsgi.exchange"];
    void startResponse("200 OK", [])("x");
    assert.equal(environ["tsgi.exchange"].upgrade, undefined);
    try {
      upgrade?.();
    } catch (error) {
      after = (error as { code: string }).code;
    }
  });
  const old = await ask();
  assert.match(
    await old.send(`GET / HTTP/1.0\r\n${ASK.join("\r\n")}\r\n\r\n`).all(),
    /^HTTP\/1\.1 200 OK[\s\S]*hello$/,
  );
  assert.match(await (await ask()).get("/", ...ASK).all(), /\r\n0\r\n\r\n$/);
  assert.equal(after, "TSGI_RESPONSE_OVER");
});

/** Says what it was sent, and whether it could have taken the connection over. */
const echo: App = async (environ, startResponse) => {
  const isThere = environ["tsgi.exchange"].upgrade !== undefined;
  startResponse("200 OK", []);
  return `${isThere} ${Buffer.from(await readBytes(environ)).toString()}`;
};

for (const [what, head, pieces, body] of [
  ["of declared length", "Content-Length: 5", ["hello"], "hello"],
  ["that comes later", "Content-Length: 5", ["", "he", "llo"], "hello"],
  ["in chunks", "Transfer-Encoding: chunked", ["5\r\nhello\r\n", "1\r\n!\r\n0\r\n\r\n"], "hello!"],
  ["that the client asks for", "Expect: 100-continue\nContent-Length: 5", ["", "hello"], "hello"],
] as const) {
  test(`toNode, upgrade: is absent where there is a body; one ${what} is read`, async (t) => {
    const { ask, log } = await served(t, echo);
    const client = await ask();
    client.send(wire(`POST / HTTP/1.1\nHost: a\n${ASK.join("\n")}\n${head}\n\n`).concat(pieces[0]));
    for (const piece of pieces.slice(1)) {
      await aWhile();
      client.send(piece);
    }
    const answer = await client.all();
    assert.equal(answer.slice(answer.lastIndexOf("\r\n\r\n") + 4), `false ${body}`);
    assert.equal(answer.startsWith("HTTP/1.1 100 Continue"), head.startsWith("Expect"));
    assert.deepEqual(log, []);
  });
}

test("toNode, upgrade: a large body is read as the app asks for it", async (t) => {
  const size = 3_000_000;
  const { ask } = await served(t, async (environ, startResponse) => {
    let length = 0;
    for await (const chunk of environ["tsgi.input"]) {
      length += chunk.length;
      await new Promise(setImmediate);
    }
    startResponse("200 OK", []);
    return `length ${length}`;
  });
  const client = await ask();
  client.send(wire(`POST / HTTP/1.1\nHost: a\n${ASK.join("\n")}\nContent-Length: ${size}\n\n`));
  client.send("y".repeat(size));
  assert.match(await client.all(), new RegExp(`length ${size}$`));
});

test("toNode, upgrade: a client that leaves amid its body is not an error", async (t) => {
  await allOwned(async () => {
    let code: unknown;
    const { ask, log } = await served(t, async (environ, startResponse) => {
      try {
        return await echo(environ, startResponse);
      } catch (error) {
        code = (error as { code: string }).code;
        throw error;
      }
    });
    const client = await ask();
    client.send(wire(`POST / HTTP/1.1\nHost: a\n${ASK.join("\n")}\nContent-Length: 5\n\n`).concat("he"));
    await aWhile();
    client.socket.destroy();
    await eventually(() => code !== undefined);
    assert.equal(code, "TSGI_CLIENT_GONE");
    await aWhile();
    assert.deepEqual(log, []);
  });
});

/** From Node 26 on, its parser stops at such a body without a word, and it is Node's time limit that ends the request. */
const [refusal, limits] =
  Number.parseInt(process.versions.node, 10) < 26
    ? ["400 Bad Request", {}]
    : ["408 Request Timeout", { requestTimeout: 300, headersTimeout: 200, connectionsCheckingInterval: 50 }];

test(`toNode, upgrade: a malformed body is a ${refusal}`, async (t) => {
  // It is read before the head is sent.
  const reading: App = async (environ, startResponse) => {
    await readBytes(environ);
    return hello(environ, startResponse);
  };
  const { ask, log } = await served(t, reading, {}, createServer(limits));
  const client = await ask();
  client.send(
    wire(`POST / HTTP/1.1\nHost: a\n${ASK.join("\n")}\nTransfer-Encoding: chunked\n\n`).concat("5\r\nhello\r\n"),
  );
  await aWhile();
  assert.ok((await client.send("nonsense\r\n").all()).startsWith(`HTTP/1.1 ${refusal}\r\n`));
  assert.deepEqual(log, []);
});

test("toNode, upgrade: errors of the connection are owned, before and after it is taken", async (t) => {
  await allOwned(async () => {
    const codes: unknown[] = [];
    const { ask, log } = await served(t, async (environ) => {
      const { upgrade } = environ["tsgi.exchange"];
      if (environ.PATH_INFO === "/taken") {
        const socket = upgrade?.() as Duplex;
        const timer = setInterval(() => socket.write(Buffer.alloc(100_000)), 1);
        await new Promise((resolve) => socket.once("close", resolve));
        clearInterval(timer);
        codes.push("closed");
        return;
      }
      await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
      try {
        upgrade?.();
      } catch (error) {
        codes.push((error as { code: string }).code);
        throw error;
      }
    });
    for (const path of ["/taken", "/late"]) {
      const client = await ask();
      client.get(path, ...ASK);
      await aWhile();
      client.socket.resetAndDestroy();
    }
    await eventually(() => codes.length === 2);
    assert.deepEqual(codes.sort(), ["TSGI_CLIENT_GONE", "closed"]);
    await aWhile();
    assert.deepEqual(log, []);
  });
});

test("toNode, upgrade: an app hears of a client that leaves amid its response", async (t) => {
  let hasLeft = false;
  let closed = 0;
  const { ask, log } = await served(t, (environ, startResponse) => {
    environ["tsgi.exchange"].onAbort?.(() => {
      hasLeft = true;
    });
    startResponse("200 OK", []);
    return (async function* () {
      try {
        for (;;) {
          yield "x";
          await aWhile();
        }
      } finally {
        closed++;
      }
    })();
  });
  const client = await ask();
  await client.get("/", ...ASK).until("x");
  client.socket.resetAndDestroy();
  await eventually(() => hasLeft && closed === 1);
  assert.deepEqual(log, []);
});

test("toNode, upgrade: over https", async (t) => {
  const tls = await certificate();
  const { server } = await served(t, shouting, {}, https.createServer(tls) as unknown as HttpServer);
  const socket = connectSecurely({
    port: (server.address() as AddressInfo).port,
    ca: tls.cert,
    servername: "localhost",
  });
  t.after(() => socket.destroy());
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  const client = new RawClient(socket);
  client.get("/", ...ASK).send("early ");
  await client.until("EARLY ");
  assert.equal(await client.send("late").until("LATE"), `${SWITCHED}EARLY LATE`);
});

for (const [name, host] of [
  ["Express", express().get("/plain", (_request, response) => void response.send("express"))],
  [
    "Koa",
    new Koa()
      .use((context) => {
        context.body = "koa";
      })
      .callback(),
  ],
] as const) {
  test(`toNode, upgrade: beside ${name}`, async (t) => {
    const { ask } = await served(t, shouting, {}, createServer(host));
    const client = await ask();
    assert.equal(
      await client
        .get("/", ...ASK)
        .send("x")
        .until("X"),
      `${SWITCHED}X`,
    );
    assert.match(await (await ask()).get("/plain", "Connection: close").all(), new RegExp(`${name.toLowerCase()}$`));
  });
}
