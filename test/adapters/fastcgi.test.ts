import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type FastcgiAddress, type FastcgiOptions, fastcgi } from "../../src/adapters/fastcgi.ts";
import type { App } from "../../src/gateway.ts";
import { start } from "../support/raw-client.ts";
import { reported, transcript } from "../support/transcript.ts";

const BEGIN = 1;
const ABORT = 2;
const END = 3;
const PARAMS = 4;
const STDIN = 5;
const STDOUT = 6;
const STDERR = 7;

/** A record as the specification draws it, with padding. */
function record(type: number, content: string | Uint8Array = "", padding = 3): Buffer {
  const bytes = Buffer.from(content);
  const head = Buffer.from([1, type, 0, 1, bytes.length >> 8, bytes.length & 255, padding, 0]);
  return Buffer.concat([head, bytes, Buffer.alloc(padding, 0xee)]);
}

const end = (appStatus = 0, protocolStatus = 0): Buffer =>
  record(END, Buffer.from([appStatus >> 24, appStatus >> 16, appStatus >> 8, appStatus, protocolStatus, 0, 0, 0]));

const HEAD = "A: 1\r\n\r\n";
/** The whole answer of a program that says "hi". */
const HI = Buffer.concat([record(STDOUT, `${HEAD}hi`), record(STDOUT), end()]);
const ANSWER = "200 OK\na: 1\n\nhi";
const BAD_GATEWAY = "502 Bad Gateway\ncontent-length: 12\ncontent-type: text/plain; charset=utf-8\n\nBad Gateway\n";

/** One request as a FastCGI server gets it. */
interface Asked {
  /** Which connection it came on, counted from 1. */
  readonly connection: number;
  readonly socket: Socket;
  readonly params: Map<string, string>;
  readonly body: string;
  readonly begin: Buffer;
}

interface Listening {
  readonly address: FastcgiAddress;
  /** How many connections there were, and how many are open. */
  readonly count: { all: number; open: number; aborted: number };
}

/** A FastCGI server of the test, that answers whole requests, and what it was told, bytes as they are. */
async function listening(t: TestContext, answer: (asked: Asked) => unknown): Promise<Listening> {
  const count = { all: 0, open: 0, aborted: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const connection = ++count.all;
    count.open++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      count.open--;
    });
    let bytes = Buffer.alloc(0);
    let begin = Buffer.alloc(0);
    let params = Buffer.alloc(0);
    let body = "";
    socket.on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 8 && bytes.length >= 8 + bytes.readUInt16BE(4) + (bytes[6] as number)) {
        const length = bytes.readUInt16BE(4);
        const content = bytes.subarray(8, 8 + length);
        const type = bytes[1];
        bytes = bytes.subarray(8 + length + (bytes[6] as number));
        if (type === BEGIN) [begin, params, body] = [content, Buffer.alloc(0), ""];
        else if (type === PARAMS) params = Buffer.concat([params, content]);
        else if (type === ABORT) count.aborted++;
        else if (type === STDIN && length > 0) body += content;
        else if (type === STDIN) answer({ connection, socket, params: pairs(params), body, begin });
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: { host: "127.0.0.1", port: (server.address() as AddressInfo).port }, count };
}

/** Pairs of names and values (§3.4). */
function pairs(bytes: Buffer): Map<string, string> {
  const found = new Map<string, string>();
  let at = 0;
  const length = (): number => {
    const short = bytes[at] as number;
    if (short < 128) return bytes[at++] as number;
    at += 4;
    return bytes.readUInt32BE(at - 4) & 0x7fffffff;
  };
  while (at < bytes.length) {
    const [nameLength, valueLength] = [length(), length()];
    found.set(
      bytes.toString("utf8", at, at + nameLength),
      bytes.toString("utf8", at + nameLength, at + nameLength + valueLength),
    );
    at += nameLength + valueLength;
  }
  return found;
}

/** An app for a server that answers so. */
async function app(t: TestContext, answer: (asked: Asked) => unknown, options?: FastcgiOptions): Promise<App> {
  return fastcgi((await listening(t, answer)).address, options);
}

test("fastcgi: a request, and its answer", async (t) => {
  let asked: Asked | undefined;
  const site = await app(
    t,
    (request) => {
      asked = request;
      request.socket.write(HI);
    },
    { env: { SCRIPT_FILENAME: "/srv/index.php" } },
  );
  const options = { method: "POST", body: "a=1", headers: { "Content-Type": "text/x", Proxy: "evil", X: "caf\u00e9" } };
  assert.deepEqual(await reported(site, "/x?y", options), [ANSWER, ""]);
  // A responder, and the connection stays.
  assert.deepEqual(asked?.begin, Buffer.from([0, 1, 1, 0, 0, 0, 0, 0]));
  assert.equal(asked?.body, "a=1");
  const { SCRIPT_FILENAME, PATH_INFO, QUERY_STRING, CONTENT_LENGTH, CONTENT_TYPE, HTTP_X, HTTP_PROXY } =
    Object.fromEntries(asked?.params ?? []);
  assert.deepEqual(
    [SCRIPT_FILENAME, PATH_INFO, QUERY_STRING, CONTENT_LENGTH, CONTENT_TYPE, HTTP_X, HTTP_PROXY],
    ["/srv/index.php", "/x", "y", "3", "text/x", "caf\u00e9", undefined],
  );
});

test("fastcgi: values and bodies of any length", async (t) => {
  const site = await app(t, ({ params, body, socket }) => {
    socket.write(
      record(STDOUT, `${HEAD}${params.get("HTTP_X")?.length} ${params.get("HTTP_Y")?.length} ${body.length}`),
    );
    socket.write(end());
  });
  for (const [x, y, body] of [
    [0, 127, 1],
    [128, 129, 65_527],
    [255, 256, 65_528],
    [70_000, 3, 65_529],
    [1, 200_000, 1_000_000],
  ] as const) {
    const options = { method: "POST", body: "b".repeat(body), headers: { X: "x".repeat(x), Y: "y".repeat(y) } };
    assert.equal(await transcript(site, "/", options), `200 OK\na: 1\n\n${x} ${y} ${body}`);
  }
});

test("fastcgi: records are read however their bytes come", async (t) => {
  const answer = Buffer.concat([
    record(STDOUT, "A: 1\r", 255),
    record(STDERR, "oh", 0),
    record(STDOUT, "\n\r\nh", 0),
    record(99, "unknown", 7),
    record(STDOUT, "i"),
    record(STDERR, ""),
    record(STDOUT, ""),
    end(),
  ]);
  for (const size of [1, 2, 3, 7, 8, 9, 16, answer.length]) {
    const site = await app(t, async ({ socket }) => {
      for (let at = 0; at < answer.length; at += size) {
        socket.write(answer.subarray(at, at + size));
        if (size > 2) await sleep(1);
      }
    });
    assert.deepEqual(await reported(site), [ANSWER, "oh\n"]);
  }
});

test("fastcgi: chunks come as they are written", async (t) => {
  let goOn: (() => void) | undefined;
  const site = await app(t, ({ socket }) => {
    socket.write(record(STDOUT, `${HEAD}one`));
    goOn = () => socket.write(Buffer.concat([record(STDOUT, "two"), end()]));
  });
  const { connect } = await start(t, site);
  const client = await connect();
  await client.get("/", "Connection: close").until("one");
  goOn?.();
  assert.match(await client.all(), /3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/);
});

test("fastcgi: a connection carries one request after another", async (t) => {
  const { address, count } = await listening(t, ({ socket }) => socket.write(HI));
  const site = fastcgi(address);
  for (let round = 0; round < 20; round++) {
    assert.equal(await transcript(site, "/", { method: "POST", body: "x".repeat(round) }), ANSWER);
  }
  assert.equal(count.all, 1);
});

test("fastcgi: a kept connection ends after its time", async (t) => {
  const { address, count } = await listening(t, ({ socket }) => socket.write(HI));
  const site = fastcgi(address, { keepAliveTimeout: 30 });
  await transcript(site, "/");
  while (count.open > 0) await sleep(5);
  assert.equal(await transcript(site, "/"), ANSWER);
  assert.equal(count.all, 2);
  const without = fastcgi(address, { keepAliveTimeout: 0 });
  await transcript(without, "/");
  await transcript(without, "/");
  assert.equal(count.all, 4);
});

test("fastcgi: requests at once have a connection each, and a limit", async (t) => {
  const { address, count } = await listening(t, async ({ socket }) => {
    await sleep(20);
    socket.write(HI);
  });
  const site = fastcgi(address, { maxConnections: 3 });
  const answers = await Promise.all(Array.from({ length: 12 }, () => transcript(site, "/")));
  assert.deepEqual(new Set(answers), new Set([ANSWER]));
  assert.ok(count.open <= 3, `${count.open} open`);
});

test("fastcgi: a kept connection is not what another request waits for", async (t) => {
  // A server of one process: it accepts a connection, in that it answers there, when the one before has ended.
  const line: Asked[] = [];
  let busy: Socket | undefined;
  const serve = (asked: Asked): void => {
    if (busy !== undefined && busy !== asked.socket) {
      line.push(asked);
      return;
    }
    if (busy === undefined) {
      busy = asked.socket;
      asked.socket.once("close", () => {
        busy = undefined;
        const next = line.shift();
        if (next !== undefined) serve(next);
      });
    }
    setTimeout(() => asked.socket.write(HI), 5);
  };
  const site = fastcgi((await listening(t, serve)).address, { keepAliveTimeout: 1_000_000 });
  const answers = await Promise.all(Array.from({ length: 8 }, () => transcript(site, "/")));
  assert.deepEqual(new Set(answers), new Set([ANSWER]));
});

test("fastcgi: a request without a body is sent again where a kept connection is closed", async (t) => {
  const { address, count } = await listening(t, ({ socket, connection }) => {
    // The second request on a connection finds it closing, as with a limit of requests.
    if (asked.has(connection)) socket.destroy();
    else socket.write(HI);
    asked.add(connection);
  });
  const asked = new Set<number>();
  const site = fastcgi(address);
  for (let round = 0; round < 5; round++) assert.deepEqual(await reported(site), [ANSWER, ""]);
  assert.equal(count.all, 5);
  // A POST may have been done.
  assert.equal((await reported(site, "/", { method: "POST", body: "x" }))[0], BAD_GATEWAY);
});

test("fastcgi: a server that closes a kept connection is noticed", async (t) => {
  const { address, count } = await listening(t, ({ socket }) => socket.end(HI));
  const site = fastcgi(address);
  for (let round = 0; round < 5; round++) {
    assert.equal(await transcript(site, "/", { method: "POST", body: "x" }), ANSWER);
    while (count.open > 0) await sleep(1);
  }
});

test("fastcgi: a server that speaks unasked on a kept connection loses it", async (t) => {
  const { address, count } = await listening(t, ({ socket }) => socket.write(Buffer.concat([HI, HI])));
  const site = fastcgi(address);
  for (let round = 0; round < 3; round++) {
    assert.equal(await transcript(site, "/"), ANSWER);
    while (count.open > 0) await sleep(1);
  }
  assert.equal(count.all, 3);
});

for (const [what, answer, told] of [
  ["closes the connection", (socket: Socket) => socket.destroy(), /closed the connection\n$|ECONNRESET\n$/],
  [
    "ends within the head",
    (socket: Socket) => socket.end(record(STDOUT, "A: 1\r\n")),
    /closed the connection before the end/,
  ],
  ["ends the request without a head", (socket: Socket) => socket.write(end()), /ended before its head was complete/],
  ["fails", (socket: Socket) => socket.write(end(3)), /exited with 3 before its head was complete/],
  ["takes no more requests", (socket: Socket) => socket.write(end(0, 1)), /does not take a second request/],
  ["does not know responders", (socket: Socket) => socket.write(end(0, 3)), /sent the protocol status 3/],
  ["speaks HTTP", (socket: Socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"), /sent version 72 of FastCGI/],
  [
    "answers another request",
    (socket: Socket) => socket.write(Buffer.from([1, STDOUT, 0, 2, 0, 0, 0, 0])),
    /for another request/,
  ],
  ["writes no head", (socket: Socket) => socket.write(record(STDOUT, "hello\n\n")), /its head is malformed/],
] as const) {
  test(`fastcgi: a server that ${what} is a 502`, async (t) => {
    const site = await app(t, ({ socket }) => answer(socket));
    const [response, errors] = await reported(site);
    assert.equal(response, BAD_GATEWAY);
    assert.match(errors, told);
  });
}

test("fastcgi: a server that is overloaded is a 503", async (t) => {
  const site = await app(t, ({ socket }) => socket.write(end(0, 2)));
  const [response, errors] = await reported(site);
  assert.match(response, /^503 Service Unavailable\n/);
  assert.match(errors, /the server is overloaded/);
});

test("fastcgi: a server that is not there is a 502", async () => {
  for (const address of [{ port: 1 }, { path: "/tmp/no-such-socket" }]) {
    const [response, errors] = await reported(fastcgi(address));
    assert.equal(response, BAD_GATEWAY);
    assert.match(errors, /^(?:localhost:1|\/tmp\/no-such-socket): .*(?:ECONNREFUSED|ENOENT)/);
  }
});

test("fastcgi: a response that an outer layer refuses aborts the request, and lets the next one run", async (t) => {
  const { address, count } = await listening(t, ({ socket }) => socket.write(record(STDOUT, `${HEAD}hi`)));
  const site = fastcgi(address, { maxConnections: 1, timeout: 1_000 });
  const refuse: App = (environ, _startResponse) =>
    site(environ, () => {
      throw new Error("refused");
    });
  for (let round = 0; round < 3; round++) await assert.rejects(reported(refuse), { message: "refused" });
  assert.equal(count.all, 3);
});

test("fastcgi: a log that throws changes no response", async (t) => {
  const answer = Buffer.concat([record(STDERR, "oh"), HI]);
  const site = await app(t, ({ socket }) => socket.write(answer));
  const environ = {
    "tsgi.errors": {
      write() {
        throw new Error("the log is closed");
      },
    },
  };
  assert.equal(await transcript(site, "/", { environ }), ANSWER);
});

test("fastcgi: a path that no socket can have is a 502, again and again", async () => {
  const site = fastcgi({ path: `/${"x".repeat(500)}` }, { maxConnections: 1, timeout: 1_000 });
  for (let round = 0; round < 3; round++) assert.equal((await reported(site))[0], BAD_GATEWAY);
});

test("fastcgi: a server that says nothing is a 504, and is left", async (t) => {
  const { address, count } = await listening(t, () => {});
  const [response, errors] = await reported(fastcgi(address, { timeout: 50 }));
  assert.match(response, /^504 Gateway Timeout\n/);
  assert.match(errors, /made no progress for 50 ms/);
  while (count.open > 0) await sleep(1);
});

test("fastcgi: a server that ends after the head cuts the connection", async (t) => {
  for (const rest of [(socket: Socket) => socket.end(), (socket: Socket) => socket.write(end(1))]) {
    const site = await app(t, ({ socket }) => {
      socket.write(record(STDOUT, `${HEAD}hi`));
      rest(socket);
    });
    const { connect, log } = await start(t, site);
    const client = await connect();
    client.get("/");
    assert.match(await client.all(), /2\r\nhi\r\n$/);
    assert.match(log.join(""), /closed the connection before the end|exited with 1 after its head/);
  }
});

test("fastcgi: an answer before the end of the body is the answer", async (t) => {
  let isAnswered = false;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(HI);
      isAnswered = true;
    });
    socket.resume();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const site = fastcgi({ host: "127.0.0.1", port: (server.address() as AddressInfo).port }, { bufferLimit: "stream" });
  const { connect } = await start(t, site);
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
  await client.until("hi");
  assert.ok(isAnswered);
});

test("fastcgi: a client that leaves aborts the request and ends the connection", async (t) => {
  for (const first of ["", `${HEAD}hi`]) {
    const { address, count } = await listening(t, ({ socket }) => socket.write(record(STDOUT, first)));
    const { connect, log } = await start(t, fastcgi(address));
    const client = await connect();
    client.get("/");
    if (first === "") while (count.all === 0) await sleep(1);
    else await client.until("hi");
    client.socket.destroy();
    while (count.open > 0 || count.aborted === 0) await sleep(1);
    assert.deepEqual(log, []);
  }
});

test("fastcgi: a client that reads slowly slows the server down", async (t) => {
  let written = 0;
  const { address } = await listening(t, async ({ socket }) => {
    socket.write(record(STDOUT, HEAD));
    const chunk = record(STDOUT, Buffer.alloc(60_000));
    while (!socket.destroyed) {
      written += 60_000;
      if (!socket.write(chunk)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
    }
  });
  const { connect } = await start(t, fastcgi(address));
  const client = await connect();
  await client.get("/").until("200 OK");
  client.socket.pause();
  let before = -1;
  while (before !== written) {
    before = written;
    await sleep(100);
  }
  assert.ok(written < 50_000_000, `${written} bytes`);
});

test("fastcgi: a HEAD leaves the connection to the next request", async (t) => {
  const { address, count } = await listening(t, ({ socket }) => socket.write(HI));
  const site = fastcgi(address);
  for (let round = 0; round < 3; round++) {
    assert.equal(await transcript(site, "/", { method: "HEAD" }), "200 OK\na: 1\n\n");
    await sleep(5);
  }
  assert.equal(count.all, 1);
});

for (const [what, address, options] of [
  ["no address", {}, {}],
  ["no port", { port: 0 }, {}],
  ["no path", { path: "" }, {}],
  ["a word", "php", {}],
  ["no limit", { port: 9000 }, { maxConnections: 0 }],
  ["a negative time", { port: 9000 }, { keepAliveTimeout: -1 }],
  ["an option that it does not have", { port: 9000 }, { keepAlive: 1 } as FastcgiOptions],
] as const) {
  test(`fastcgi: ${what} is refused`, () => {
    assert.throws(() => fastcgi(address as FastcgiAddress, options), { code: "TSGI_BAD_OPTION" });
  });
}
