/** Bodies that get the memory of their chunks back. */

import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { transform } from "../../middleware/transform.ts";
import { LendingBody, Memory } from "../../src/body/lending.ts";
import type { App, Body, Chunk } from "../../src/gateway.ts";
import type { Server } from "../../src/server/serve.ts";
import { certificate } from "../support/certificate.ts";
import { eventually, start } from "../support/raw-client.ts";

/** What was lent, and what of it came back. */
class Ledger extends Memory {
  readonly back: Uint8Array[] = [];
  readonly #lent = new Set<Uint8Array>();

  override lend(chunk: Uint8Array): void {
    this.#lent.add(chunk);
  }

  override hasLent(chunk: Uint8Array): boolean {
    return this.#lent.has(chunk);
  }

  override takeBack(chunk: Uint8Array): void {
    this.back.push(chunk);
  }
}

/** Chunks of a size, and what came back of them. */
class Lent extends LendingBody {
  readonly #ledger: Ledger;
  readonly #given: Uint8Array[] = [];
  readonly #size: number;
  readonly #count: number;

  constructor(size: number, count: number) {
    const ledger = new Ledger(size, 0);
    super(ledger);
    this.#ledger = ledger;
    this.#size = size;
    this.#count = count;
  }

  get back(): readonly Uint8Array[] {
    return this.#ledger.back;
  }

  get given(): readonly Uint8Array[] {
    return this.#given;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (this.#given.length < this.#count) yield this.lend();
  }

  lend(): Uint8Array {
    const chunk = new Uint8Array(this.#size).fill(97);
    this.#given.push(chunk);
    if (this.#size > 1) this.#ledger.lend(chunk);
    return chunk;
  }
}

const appOf =
  (body: Body): App =>
  (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    return body;
  };

async function* onward(body: Body): AsyncGenerator<Chunk> {
  yield* body as AsyncIterable<Chunk>;
}

test("lending: the memory of each chunk comes back once, when the chunk was sent", async (t) => {
  const body = new Lent(100_000, 3);
  const { server } = await start(t, appOf(body));
  assert.equal((await (await fetch(server.url)).text()).length, 300_000);
  await eventually(() => body.back.length === 3);
  assert.deepEqual(body.back, body.given);
});

test("lending: what a client has not read does not come back", async (t) => {
  const body = new Lent(16 * 1024 * 1024, 1);
  const { server } = await start(t, appOf(body));
  const client = connect(server.port, "127.0.0.1");
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually(() => client.bytesRead > 0);
  client.pause();
  assert.deepEqual(body.back, []);
  client.destroy();
  await eventually(() => client.closed);
  assert.deepEqual(body.back, []);
});

/** Ends once a chunk waits for the client. */
class Waiting extends Lent {
  #hasEnded = false;

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  override async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    do {
      yield this.lend();
      await nextTurn();
      await nextTurn();
    } while (this.back.length === this.given.length);
    this.#hasEnded = true;
  }
}

test("lending: what a client reads late comes back while its connection is kept", async (t) => {
  const body = new Waiting(100_000, 0);
  const { server } = await start(t, appOf(body));
  const client = connect(server.port, "127.0.0.1");
  t.after(() => client.destroy());
  client.pause();
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually(() => body.hasEnded);
  client.resume();
  await eventually(() => body.back.length === body.given.length);
  assert.equal(client.closed, false);
});

test("lending: what was not lent is not given back", async (t) => {
  const body = new Lent(1, 3);
  const { server } = await start(t, appOf(body));
  assert.equal(await (await fetch(server.url)).text(), "aaa");
  assert.deepEqual([body.given.length, body.back], [3, []]);
});

test("lending: a body on which somebody has put a method of their own gets nothing back", async (t) => {
  const patched = new Lent(100_000, 3);
  const read = patched[Symbol.asyncIterator].bind(patched);
  Object.assign(patched, { [Symbol.asyncIterator]: read });
  const proxied = new Lent(100_000, 3);
  const proxy = new Proxy(proxied, {
    get: (target, name) => {
      const member = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  for (const body of [patched, proxy]) {
    const { server } = await start(t, appOf(body));
    assert.equal((await (await fetch(server.url)).text()).length, 300_000);
    assert.deepEqual([body.given.length, body.back], [3, []]);
  }
});

test("lending: a layer that reads the body keeps what it has read", async (t) => {
  const body = new Lent(100_000, 3);
  const { server } = await start(
    t,
    transform(appOf(body), (response) => ({ ...response, body: onward(response.body) })),
  );
  assert.equal((await (await fetch(server.url)).text()).length, 300_000);
  assert.equal(body.given.length, 3);
  assert.deepEqual(body.back, []);
});

test("lending: HEAD lends nothing", async (t) => {
  const body = new Lent(100_000, 3);
  const { server } = await start(t, appOf(body));
  await fetch(server.url, { method: "HEAD" });
  assert.deepEqual([body.given, body.back], [[], []]);
});

const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** What reads a response piece by piece. */
const CLIENTS: Readonly<Record<string, (server: Server, cert: string) => Readable>> = {
  "": (server) => {
    const client = connect(server.port, "127.0.0.1");
    client.write(GET);
    return client;
  },
  " over TLS": (server, cert) => {
    const client = connectTls({ port: server.port, ca: cert, servername: "localhost" });
    client.write(GET);
    return client;
  },
  " over HTTP/2": (server, cert) => {
    const session = connectHttp2(`https://localhost:${server.port}`, { ca: cert });
    return session.request().on("close", () => session.destroy());
  },
};

for (const [name, open] of Object.entries(CLIENTS)) {
  test(`lending: what a slow client has got${name} comes back while more is sent`, async (t) => {
    const body = new Lent(128 * 1024, 200);
    const tls = name === "" ? undefined : await certificate();
    const { server } = await start(t, appOf(body), { tls, http2: tls !== undefined });
    const stream = open(server, tls?.cert ?? "");
    t.after(() => stream.destroy());
    let most = 0;
    for await (const _ of stream) {
      most = Math.max(most, body.given.length - body.back.length);
      if (body.back.length > 190) break;
      await new Promise(setImmediate);
    }
    assert.ok(most <= 4, `${most} chunks were kept at once`);
  });
}
