/** Targets that fail, and clients that leave: what either side gets to see, and that nothing is left of it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { accessLog } from "../../../middleware/access-log.ts";
import { settingsOf } from "../../../middleware/proxy/options.ts";
import { type AttemptListener, failure } from "../../../middleware/proxy/outcome.ts";
import { Run, type Strategy } from "../../../middleware/proxy/run.ts";
import { targetOf } from "../../../middleware/proxy/target.ts";
import { type ProxyApp, type ProxyOptions, proxy } from "../../../middleware/proxy.ts";
import type { App } from "../../../src/gateway.ts";
import { type RequestOptions, request } from "../../../src/testing.ts";
import { NODE_FLAGS, pathToRun } from "../../support/compiled.ts";
import { Random } from "../../support/random.ts";
import { aWhile, eventually, lastAnswer, type RawClient, type Started, start } from "../../support/raw-client.ts";
import { type Answer, HI, type RawTarget, rawTarget, sendTo } from "../../support/raw-target.ts";
import { root } from "../../support/session.ts";
import { reported, transcript } from "../../support/transcript.ts";
import { allOwned } from "../../support/unowned.ts";

const FAULTS = Number(process.env.TSGI_FAULTS ?? 150);

async function proxied(
  t: TestContext,
  answer: Answer,
  options: ProxyOptions = {},
): Promise<{ target: RawTarget; app: ProxyApp }> {
  const target = await rawTarget(t, answer);
  return { target, app: proxy(target.url, { via: false, ...options }) };
}

interface Served extends Started {
  readonly target: RawTarget;
  readonly app: ProxyApp;
}

async function served(t: TestContext, answer: Answer, options: ProxyOptions = {}): Promise<Served> {
  const { target, app } = await proxied(t, answer, options);
  return { ...(await start(t, app)), target, app };
}

const REFUSED: Readonly<Record<number, string>> = {
  400: "400 Bad Request",
  502: "502 Bad Gateway",
  503: "503 Service Unavailable",
  504: "504 Gateway Timeout",
};

/** What the client is told, which is nothing of the target. */
function refused(status: number): string {
  const line = REFUSED[status] as string;
  const retry = status === 503 ? "\nretry-after: 1" : "";
  const length = `\ncontent-length: ${line.length + 1}`;
  return `${line}\ncache-control: no-store${length}\ncontent-type: text/plain; charset=utf-8${retry}\n\n${line}\n`;
}

test("proxy: a target that is not there is a 502", async () => {
  const [answer, log] = await reported(proxy("http://127.0.0.1:1"), "/a");
  assert.equal(answer, refused(502));
  assert.equal(log, "GET /a: http://127.0.0.1:1: unreachable (connect): connect ECONNREFUSED 127.0.0.1:1\n");
});

test("proxy: a target without an address is a 502", async () => {
  const [answer, log] = await reported(proxy("http://nowhere.invalid/"), "/");
  assert.equal(answer, refused(502));
  assert.match(log, /^GET \/: http:\/\/nowhere\.invalid\/: unreachable \(resolve\): /);
});

test("proxy: a target that does not take the connection in time is a 504", async (t) => {
  const target = await rawTarget(t, () => {});
  const app = proxy(target.url.replace("http:", "https:"), { connectTimeout: 50 });
  const [answer, log] = await reported(app);
  assert.equal(answer, refused(504));
  assert.match(log, /: timeout \(tls\): /);
  await target.untilLeft();
});

test("proxy: a target that does not speak TLS is a 502", async (t) => {
  const target = await rawTarget(t, HI);
  target.server.on("connection", (socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
  assert.equal((await reported(proxy(target.url.replace("http:", "https:"))))[0], refused(502));
});

test("proxy: a target that does not answer in time is a 504, and its connection is closed", async (t) => {
  for (const begun of ["", "HTTP/1.1 200 OK\nX-A: "]) {
    const { target, app } = await proxied(t, (socket) => sendTo(socket, begun), { headTimeout: 50 });
    assert.equal((await reported(app))[0], refused(504));
    await target.untilLeft();
  }
});

test("proxy: a target that does not take a body in time is a 504", async (t) => {
  const { target, app } = await proxied(t, (socket) => socket.pause(), { headTimeout: 100 });
  async function* endless() {
    for (;;) yield new Uint8Array(1_000_000);
  }
  assert.equal((await reported(app, "/", { method: "POST", body: endless() }))[0], refused(504));
  for (const socket of target.open) socket.resume();
  await target.untilLeft();
});

test("proxy: a client that uploads slowly is not the target's fault", async (t) => {
  const { target, connect } = await served(
    t,
    (socket) => socket.on("data", (data) => void (data.includes("end") && sendTo(socket, HI))),
    { headTimeout: 50 },
  );
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20003\r\n\r\n").send("x".repeat(20_000));
  await target.until("xxx");
  await new Promise((resolve) => setTimeout(resolve, 150));
  await client.send("end").until("hi");
});

test("proxy: a target that closes a new connection before its head is a 502, asked once", async (t) => {
  for (const close of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
    const { target, app } = await proxied(t, (socket) => void close(socket));
    assert.equal((await reported(app))[0], refused(502));
    assert.equal(target.heads.length, 1);
  }
});

test("proxy: a kept connection that turns out to be closed is no failure of a GET", async (t) => {
  for (const close of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
    const used = new Set<Socket>();
    const { target, app } = await proxied(t, (socket) => {
      if (used.has(socket)) close(socket);
      else {
        used.add(socket);
        sendTo(socket, HI);
      }
    });
    for (let index = 0; index < 6; index++) {
      const many = Array.from({ length: 3 }, () => request(app, "/"));
      for (const response of await Promise.all(many)) assert.equal(await response.text(), "hi");
    }
    assert.ok(target.heads.length > 18);
  }
});

test("proxy: a POST that was sent is not sent again", async (t) => {
  const used = new Set<Socket>();
  const { target, app } = await proxied(t, (socket) => {
    if (used.has(socket)) socket.end();
    else {
      used.add(socket);
      sendTo(socket, HI);
    }
  });
  const post = { method: "POST", body: "x" };
  assert.equal((await request(app, "/", post)).status, 200);
  assert.equal((await reported(app, "/", post))[0], refused(502));
  assert.equal(target.heads.length, 2);
});

test("proxy: a kept connection that was closed meanwhile is not used at all", async (t) => {
  const { target, app } = await proxied(t, HI);
  for (let index = 0; index < 3; index++) {
    assert.equal((await request(app, "/", { method: "POST", body: "x" })).status, 200);
    for (const socket of target.open) socket.end();
    await target.untilLeft();
  }
  assert.equal(target.heads.length, 3);
});

const MALFORMED: Readonly<Record<string, string>> = {
  "not HTTP": "garbage\n\n",
  "a length and a coding": "HTTP/1.1 200 OK\nContent-Length: 2\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n",
  "a coding and a length": "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 2\n\n2\nhi\n0\n\n",
  "two lengths": "HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 3\n\nhi!",
  "a length that is none": "HTTP/1.1 200 OK\nContent-Length: 2x\n\nhi",
  "a negative length": "HTTP/1.1 200 OK\nContent-Length: -2\n\nhi",
  "a NUL": "HTTP/1.1 200 OK\nX-A: a\0b\nContent-Length: 0\n\n",
  "a folded line": "HTTP/1.1 200 OK\nX-A: a\n b\nContent-Length: 0\n\n",
  "a space before the colon": "HTTP/1.1 200 OK\nX-A : a\nContent-Length: 0\n\n",
  "no colon": "HTTP/1.1 200 OK\nX-A\nContent-Length: 0\n\n",
  "a chunk size that is none": "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nzz\nhi\n0\n\n",
  "another protocol unasked": "HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n",
  "informational responses without end": "HTTP/1.1 103 Early Hints\nLink: x\n\n".repeat(50),
  "a coding that is not chunks": "HTTP/1.1 200 OK\nTransfer-Encoding: gzip\n\nhi",
  "a coding before the chunks": "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n2\nhi\n0\n\n",
  "a coding after the chunks":
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: identity\n\n2\nhi\n0\n\n",
  "chunks twice": "HTTP/1.1 200 OK\nTransfer-Encoding: chunked, chunked\n\n2\nhi\n0\n\n",
  "a status beyond 599": "HTTP/1.1 600 What\nContent-Length: 0\n\n",
  "a status of two digits": "HTTP/1.1 20 OK\nContent-Length: 0\n\n",
};

for (const [what, answer] of Object.entries(MALFORMED)) {
  test(`proxy: a response with ${what} is a 502, and ends its connection`, async (t) => {
    const { target, app } = await proxied(t, answer);
    assert.equal((await reported(app))[0], refused(502));
    await target.untilLeft();
    assert.equal(target.heads.length, 1);
  });
}

test("proxy: 100 Continue without end is a 502", async (t) => {
  const { target, app } = await proxied(t, "HTTP/1.1 100 Continue\n\n".repeat(50) + HI);
  assert.equal((await reported(app))[0], refused(502));
  await target.untilLeft();
});

test("proxy: a head without end is a 502", async (t) => {
  const { target, app } = await proxied(t, (socket) => {
    sendTo(socket, "HTTP/1.1 200 OK\n");
    const write = () => {
      while (!socket.destroyed && socket.write(`X-${"a".repeat(500)}: b\r\n`));
    };
    socket.on("drain", write);
    write();
  });
  assert.equal((await reported(app))[0], refused(502));
  await target.untilLeft();
});

test("proxy: the head of a response may be as large as is told", async (t) => {
  const sized = (size: number) => HI.replace("\n", `\nX-A: ${"a".repeat(size)}\n`);
  for (const [size, options, status] of [
    [30_000, {}, 200],
    [34_000, {}, 502],
    [3000, { maxResponseHead: 2000 }, 502],
    [3000, { maxResponseHead: 4000 }, 200],
  ] as const) {
    const { app } = await proxied(t, sized(size), options);
    // By either transport.
    for (const [url, method] of [
      ["/", "GET"],
      ["*", "OPTIONS"],
    ] as const) {
      const response = await request(app, url, { method });
      assert.deepEqual([response.status, method, size], [status, method, size]);
      await response.text();
    }
  }
});

test("proxy: what a target sends after its response reaches nobody", async (t) => {
  const { target, app } = await proxied(t, `${HI}HTTP/1.1 200 OK\nContent-Length: 6\n\nPOISON`);
  for (let index = 0; index < 5; index++) assert.equal(await (await request(app, "/")).text(), "hi");
  assert.equal(target.heads.length, 5);
});

test("proxy: what a target sends while nobody asks reaches nobody", async (t) => {
  const { target, app } = await proxied(t, (socket) => {
    sendTo(socket, HI);
    setTimeout(() => sendTo(socket, "HTTP/1.1 200 OK\nContent-Length: 6\n\nPOISON"), 5);
  });
  for (let index = 0; index < 3; index++) {
    assert.equal(await (await request(app, "/")).text(), "hi");
    await target.untilLeft();
  }
});

const CHUNKED = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n";
const COUNTED = "HTTP/1.1 200 OK\nContent-Length: 9\n\nhello";
const CUTS: Readonly<Record<string, [begun: string, end: (socket: Socket) => unknown]>> = {
  "is reset amid a body with a length": [COUNTED, (socket) => socket.resetAndDestroy()],
  "ends amid a body with a length": [COUNTED, (socket) => socket.end()],
  "is reset amid a chunked body": [CHUNKED, (socket) => socket.resetAndDestroy()],
  "ends amid a chunked body": [CHUNKED, (socket) => socket.end()],
  "ends amid a chunked body of a connection that was to close": [
    CHUNKED.replace("\n", "\nConnection: close\n"),
    (socket) => socket.end(),
  ],
  "is reset amid a body that ends with its connection": [
    "HTTP/1.1 200 OK\n\nhello",
    (socket) => socket.resetAndDestroy(),
  ],
  "sends a malformed chunk": [CHUNKED, (socket) => socket.write("zz\r\n")],
  "is silent amid a body": [CHUNKED, () => {}],
};

for (const [what, [begun, end]] of Object.entries(CUTS)) {
  test(`proxy: a target that ${what} cuts the client's response`, async (t) => {
    const { connect, target } = await served(t, (socket) => sendTo(socket, begun), { bodyTimeout: 100 });
    const client = await connect();
    await client.get("/").until("hello");
    for (const socket of target.open) end(socket);
    const all = await client.all();
    assert.ok(all.endsWith("hello") || all.endsWith("5\r\nhello\r\n"), all);
    await target.untilLeft();
  });
}

test("proxy: a target that is slower than its client costs no time on the processor", async (t) => {
  const { app } = await proxied(t, (socket) => {
    // More than may wait for its reader, so that the target has been made to wait and go on.
    sendTo(socket, `HTTP/1.1 200 OK\nContent-Length: 1000000\n\n${"x".repeat(900_000)}`);
  });
  const { body } = await request(app, "/");
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  let got = 0;
  await new Promise((resolve) => setTimeout(resolve, 20));
  while (got < 900_000) got += (await reader.read()).value?.length ?? 0;
  const rest = reader.read().catch(() => {});
  // What was begun before, as compiling, comes to an end.
  for (let turn = 0, used = Number.POSITIVE_INFINITY; used > 10_000; turn++) {
    assert.ok(turn < 50, `${used} of 50,000 microseconds`);
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { user, system } = process.cpuUsage(before);
    used = user + system;
  }
  await reader.cancel();
  await rest;
});

test("proxy: a response that was cut is not gone on with by a range", async (t) => {
  const { target, app } = await proxied(t, (socket) => {
    sendTo(socket, 'HTTP/1.1 200 OK\nContent-Length: 9\nAccept-Ranges: bytes\nETag: "a"\n\nhello');
    setTimeout(() => socket.destroy(), 5);
  });
  await assert.rejects((await request(app, "/")).text());
  await aWhile();
  assert.equal(target.heads.length, 1);
});

test("proxy: an event stream may be silent", async (t) => {
  const { target, app } = await proxied(
    t,
    "HTTP/1.1 200 OK\nContent-Type: text/event-stream; charset=utf-8\nTransfer-Encoding: chunked\n\n2\nhi\n",
    { bodyTimeout: 30 },
  );
  const text = (await request(app, "/")).text();
  await new Promise((resolve) => setTimeout(resolve, 120));
  for (const socket of target.open) sendTo(socket, "0\n\n");
  assert.equal(await text, "hi");
});

test("proxy: a deadline covers all of an exchange", async (t) => {
  const { app } = await proxied(t, () => {}, { deadline: 50 });
  assert.equal((await reported(app))[0], refused(504));
  const slow = await proxied(t, CHUNKED, { deadline: 100 });
  await assert.rejects((await request(slow.app, "/")).text());
  await slow.target.untilLeft();
});

test("proxy: too many requests wait, and still more are a 503", async (t) => {
  const waiting: Socket[] = [];
  const { target, app } = await proxied(t, (socket) => void waiting.push(socket), {
    connections: 1,
    queue: 1,
    queueTimeout: 5000,
  });
  const first = transcript(app, "/1");
  await eventually(() => waiting.length === 1);
  const second = transcript(app, "/2");
  assert.equal((await reported(app, "/3"))[0], refused(503));
  sendTo(waiting[0] as Socket, HI);
  assert.match(await first, /^200/);
  await eventually(() => waiting.length === 2);
  sendTo(waiting[1] as Socket, HI);
  assert.match(await second, /^200/);
  assert.equal(target.connections, 1);
});

test("proxy: a request that waits too long for its turn is a 503", async (t) => {
  const { app } = await proxied(t, () => {}, { connections: 1, queueTimeout: 30 });
  const controller = new AbortController();
  const first = request(app, "/1", { signal: controller.signal }).catch(() => {});
  assert.equal((await reported(app))[0], refused(503));
  controller.abort();
  await first;
});

/** How far an exchange has come when its client leaves, and how the target knows. */
const PHASES: Readonly<
  Record<string, [answer: Answer, init: RequestOptions, reached: (target: RawTarget) => boolean]>
> = {
  "before the head": [() => {}, {}, (target) => target.heads.length > 0],
  "amid the head": [(socket) => sendTo(socket, "HTTP/1.1 200 OK\nX-A: "), {}, (target) => target.heads.length > 0],
  "amid the body": [CHUNKED, {}, (target) => target.heads.length > 0],
  "amid the upload": [() => {}, { method: "POST", body: upload() }, (target) => target.received.includes("first")],
};

async function* upload() {
  yield "first";
  await new Promise(() => {});
}

for (const [when, [answer, init, reached]] of Object.entries(PHASES)) {
  test(`proxy: a client that leaves ${when} ends the request to the target`, async (t) => {
    await allOwned(async () => {
      const { target, app } = await proxied(t, answer);
      const controller = new AbortController();
      const body = init.body === undefined ? {} : { body: upload() };
      const done = request(app, "/", { ...init, ...body, signal: controller.signal }).then((response) =>
        response.text(),
      );
      const left = done.catch(() => {});
      await eventually(() => reached(target));
      controller.abort();
      await left;
      await target.untilLeft();
    });
  });
}

test("proxy: a client that leaves is noticed over a socket, and is not an error", async (t) => {
  const { target, connect, log } = await served(t, () => {});
  const client = await connect();
  client.get("/");
  await eventually(() => target.heads.length === 1);
  client.socket.destroy();
  await target.untilLeft();
  assert.deepEqual(log, []);
});

test("proxy: a client that leaves before the head is a 499 in the log", async (t) => {
  const { target, app } = await proxied(t, () => {});
  const lines: string[] = [];
  const to = { write: (text: string) => void lines.push(text) };
  const { connect } = await start(t, accessLog(app, { format: ({ status }) => String(status), to }));
  const client = await connect();
  client.get("/");
  await eventually(() => target.heads.length === 1);
  client.socket.destroy();
  await eventually(() => lines.length === 1);
  assert.deepEqual(lines, ["499\n"]);
});

test("proxy: a client that leaves amid the body is not an error", async (t) => {
  const { target, connect, log } = await served(t, CHUNKED);
  const clients = await Promise.all(Array.from({ length: 20 }, connect));
  for (const client of clients) {
    await client.get("/").until("hello");
    client.socket.destroy();
  }
  await target.untilLeft();
  assert.deepEqual(log, []);
});

test("proxy: a client that leaves amid its upload, after the target has begun to answer, is not an error", async (t) => {
  const { target, connect, log } = await served(t, CHUNKED);
  const clients = await Promise.all(Array.from({ length: 20 }, connect));
  for (const client of clients) {
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").send("x".repeat(20_000));
    await client.until("hello");
    client.socket.resetAndDestroy();
  }
  await target.untilLeft();
  assert.deepEqual(log, []);
});

test("proxy: a client that leaves amid its upload is not an error, and its connection is not used again", async (t) => {
  const { target, connect, log } = await served(t, () => {});
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").send("first".repeat(4000));
  await target.until("first");
  client.socket.destroy();
  await target.untilLeft();
  assert.deepEqual(log, []);
});

test("proxy: nothing is sent again for a client that has left meanwhile", async () => {
  const listeners: AttemptListener[] = [];
  let leave = () => {};
  const strategy: Strategy = {
    attempt: (_last, listener) => {
      listeners.push(listener);
      return { attempt: { abort() {} }, target: targetOf("http://a", "test") };
    },
  };
  const exchange = { onAbort: (callback: () => void) => (leave = callback) };
  const environ = { "tsgi.exchange": exchange } as never;
  const { body } = new Run(environ, () => assert.fail("answered"), {} as never, settingsOf({}).returning, "", strategy);
  leave();
  listeners[0]?.onOutcome(failure("head", "reset", new Error("boom"), { isStale: true }));
  await assert.rejects(async () => body, { code: "TSGI_CLIENT_GONE" });
  assert.equal(listeners.length, 1);
});

test("proxy: a client that leaves while it waits is never sent on", async (t) => {
  const waiting: Socket[] = [];
  const { target, app } = await proxied(t, (socket) => void waiting.push(socket), { connections: 1 });
  const first = transcript(app, "/1");
  await eventually(() => waiting.length === 1);
  const controller = new AbortController();
  const left = request(app, "/2", { signal: controller.signal }).catch(() => {});
  controller.abort();
  await left;
  sendTo(waiting[0] as Socket, HI);
  await first;
  const third = transcript(app, "/3");
  await eventually(() => waiting.length === 2);
  sendTo(waiting[1] as Socket, HI);
  await third;
  assert.deepEqual(
    target.heads.map((head) => head.split(" ")[1]),
    ["/1", "/3"],
  );
});

test("proxy: requests that were left in any phase leave their places to others", async (t) => {
  const { target, connect, server } = await served(
    t,
    (socket, head) => {
      if (head.includes("/body")) sendTo(socket, CHUNKED);
      else if (head.includes("/hi")) sendTo(socket, HI);
    },
    { connections: 4, queue: 100 },
  );
  assert.ok(server.port > 0);
  for (const sent of ["GET /head", "GET /body", "POST /upload", "GET /queued"]) {
    const clients: RawClient[] = [];
    for (let index = 0; index < 12; index++) {
      const client = await connect();
      clients.push(
        client.send(
          `${sent} HTTP/1.1\r\nHost: a\r\n${sent.startsWith("POST") ? "Content-Length: 99999\r\n\r\nx" : "\r\n"}`,
        ),
      );
    }
    await eventually(() => target.open.size === 4);
    for (const client of clients) client.socket.destroy();
    await target.untilLeft();
  }
  const client = await connect();
  await client.get("/hi").until("hi");
  assert.equal(target.open.size, 1);
});

test("proxy: a client of HTTP/1.0 gets the end of a body as the end of its connection", async (t) => {
  const { connect } = await served(t, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n");
  const client = await connect();
  client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  assert.match(await client.all(), /\r\n\r\nhello$/);
});

test("proxy: an app that fails after the proxy has answered closes the request to the target", async (t) => {
  const { target, app } = await proxied(t, CHUNKED);
  const failing: App = async (environ, startResponse) => {
    const body = await app(environ, () => {
      throw new Error("boom");
    });
    startResponse("200 OK", []);
    return body;
  };
  await assert.rejects(request(failing, "/"), /boom/);
  await target.untilLeft();
});

/** What a target of the random test does about a request. */
const FAULTY: readonly ((socket: Socket, random: Random) => unknown)[] = [
  (socket) => sendTo(socket, HI),
  (socket) => sendTo(socket, HI),
  (socket) => sendTo(socket, CHUNKED),
  (socket) => sendTo(socket, `${CHUNKED}0\n\n`),
  (socket) => socket.end(),
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.end(CHUNKED.replaceAll("\n", "\r\n")),
  (socket, random) => sendTo(socket, Object.values(MALFORMED)[random.below(Object.keys(MALFORMED).length)] as string),
  (socket, random) => sendTo(socket, HI.slice(0, random.below(HI.length))),
  (socket) => {
    sendTo(socket, `${HI}${HI}`);
    setImmediate(() => socket.destroy());
  },
  (socket) => sendTo(socket, `HTTP/1.1 100 Continue\n\n${HI}`),
  (socket) => socket.pause(),
];

test("proxy: survives random faults of targets and clients", async (t) => {
  await allOwned(async () => {
    const random = new Random(Number(process.env.TSGI_FUZZ_SEED ?? 1));
    const { server, connect, target } = await served(t, (socket) => void random.pick(FAULTY)(socket, random), {
      connections: 8,
      queue: 1000,
      headTimeout: 60,
      bodyTimeout: 60,
      queueTimeout: 20_000,
      keepAliveTimeout: 100,
    });
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on("warning", warn);
    const answers: string[] = [];
    const runOne = async () => {
      const client = await connect();
      const length = random.pick([0, 5, 100, 50_000]);
      const method = random.pick(["GET", "HEAD", "POST", "DELETE"]);
      const body = length === 0 ? "" : "x".repeat(random.chance(0.7) ? length : random.below(length));
      client.send(
        `${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${length === 0 ? "" : `Content-Length: ${length}\r\n`}\r\n${body}`,
      );
      const patience = random.chance(0.3) || body.length < length ? random.below(100) : 30_000;
      const deadline = Date.now() + patience;
      await eventually(() => client.end !== undefined || Date.now() > deadline);
      client.socket.destroy();
      answers.push(client.received);
    };
    const more = async () => {
      while (answers.length < FAULTS) await runOne();
    };
    await Promise.all(Array.from({ length: 20 }, more));
    assert.ok(answers.some((answer) => answer.endsWith("hi")));
    assert.ok(answers.some((answer) => answer === lastAnswer("502 Bad Gateway") || answer.includes("502")));
    assert.ok(!answers.some((answer) => answer.includes("500 Internal")), "an error of the app");
    process.off("warning", warn);
    assert.deepEqual(warnings, []);
    // What is paused does not see that it was closed.
    for (const socket of target.open) socket.resume();
    await target.untilLeft();
    assert.ok(server.port > 0);
  });
});

test("proxy: closing it ends what is kept, refuses what comes, and waits for what is under way", async (t) => {
  const waiting: Socket[] = [];
  const target = await rawTarget(t, (socket, _head, count) => {
    if (count < 3) sendTo(socket, HI);
    else waiting.push(socket);
  });
  const app = proxy(target.url, { connections: 2, keepAliveTimeout: 60_000 });
  await Promise.all([transcript(app, "/1"), transcript(app, "/2")]);
  assert.equal(target.open.size, 2);
  const underWay = transcript(app, "/3");
  await eventually(() => waiting.length === 1);
  let isClosed = false;
  const closed = app.close().then(() => {
    isClosed = true;
  });
  await eventually(() => target.open.size === 1);
  assert.equal((await reported(app, "/4"))[0], refused(503));
  assert.equal(isClosed, false);
  sendTo(waiting[0] as Socket, HI);
  assert.match(await underWay, /^200/);
  await closed;
  await target.untilLeft();
  await app.close();
  assert.equal(target.heads.length, 3);
});

test("proxy: closes by a deadline, whatever is under way: heads, bodies, uploads, WebSockets, handshakes", async (t) => {
  const { target, connect, app } = await served(t, (socket, head) => {
    if (head.includes("Upgrade"))
      sendTo(socket, "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n\n");
    else if (head.includes("/body")) sendTo(socket, CHUNKED);
    else if (head.includes("/kept")) sendTo(socket, HI);
  });
  // One that is sent on a connection that was kept is not sent again.
  await (await connect()).get("/kept").until("hi");
  const clients = await Promise.all(Array.from({ length: 4 }, connect));
  const [head, body, upload, tunnel] = clients as [RawClient, RawClient, RawClient, RawClient];
  head.get("/head");
  await eventually(() => target.heads.length === 2);
  await body.get("/body").until("hello");
  upload.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\nx");
  await tunnel.get("/", "Connection: Upgrade", "Upgrade: websocket").until("101 Switching");
  await eventually(() => target.heads.length === 5);
  await app.close({ deadline: 10 });
  for (const client of [head, upload]) await client.until(refused(502).slice(-16));
  await body.all();
  await tunnel.all();
  await target.untilLeft();
  assert.equal(target.heads.length, 5);
  await assert.rejects(app.close({ dedline: 1 } as never), { code: "TSGI_BAD_OPTION" });
  const unheard = await rawTarget(t, () => {});
  const secure = proxy(unheard.url.replace("http:", "https:"), { connectTimeout: 60_000 });
  const handshake = reported(secure);
  await eventually(() => unheard.open.size === 1);
  await secure.close({ deadline: 0 });
  assert.equal((await handshake)[0], refused(502));
  await unheard.untilLeft();
});

test("proxy: connections that are kept hold no process, nor do probes and look-ups", async (t) => {
  const target = await rawTarget(t, HI);
  const proxies = pathToFileURL(pathToRun(join(root, "middleware/proxy.ts"))).href;
  const balancers = pathToFileURL(pathToRun(join(root, "middleware/balancer.ts"))).href;
  const testing = pathToFileURL(pathToRun(join(root, "src/testing.ts"))).href;
  const code = `
    const { proxy } = await import(${JSON.stringify(proxies)});
    const { request } = await import(${JSON.stringify(testing)});
    const app = proxy(${JSON.stringify(target.url)}, { keepAliveTimeout: 300_000 });
    console.log(await (await request(app, "/")).text());
    const { balancer, dnsTargets } = await import(${JSON.stringify(balancers)});
    const targets = dnsTargets(${JSON.stringify(target.url.replace("127.0.0.1", "localhost"))});
    const spread = balancer(targets, { probe: { path: "/", interval: 5 }, keepAliveTimeout: 300_000, hedge: 60_000 });
    console.log(await (await request(spread, "/")).text());`;
  const child = spawn(process.execPath, [...NODE_FLAGS, "--input-type=module", "--eval", code], { cwd: root });
  t.after(() => child.kill());
  let said = "";
  child.stdout.on("data", (chunk) => {
    said += chunk;
  });
  const [status] = await once(child, "exit");
  assert.deepEqual([said, status], ["hi\nhi\n", 0]);
});
