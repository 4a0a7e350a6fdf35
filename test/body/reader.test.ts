import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { BodyReader, closeBody, failAfter, knownChunks, readBody, readText } from "../../src/body/reader.ts";
import type { Body, Chunk } from "../../src/gateway.ts";
import { allOwned } from "../support/unowned.ts";

/** A body that notes what is called on it. */
class Noted {
  readonly calls: string[] = [];
  readonly chunks: readonly Chunk[];

  constructor(...chunks: Chunk[]) {
    this.chunks = chunks;
  }

  [Symbol.iterator](): Iterator<Chunk> {
    const inner = this.chunks[Symbol.iterator]();
    return {
      next: () => {
        this.calls.push("next");
        return inner.next();
      },
      return: () => {
        this.calls.push("return");
        return { done: true, value: undefined };
      },
    };
  }
}

class Closed extends Noted {
  close(): void {
    this.calls.push("close");
  }
}

class Destroyed extends Noted {
  destroy(): void {
    this.calls.push("destroy");
  }
}

class Both extends Closed {
  destroy(): void {
    this.calls.push("destroy");
  }
}

const broken = new Error("broken");

test("knownChunks: what is all there is known, everything else is to come", () => {
  const bytes = Buffer.from("a");
  for (const [body, known] of [
    [undefined, []],
    [null, []],
    ["a", ["a"]],
    ["", [""]],
    [bytes, [bytes]],
    [
      ["a", "b"],
      ["a", "b"],
    ],
  ] as const) {
    assert.deepEqual(knownChunks(body), known);
  }
  for (const body of [new Set(["a"]), new Noted("a"), new ReadableStream(), Object.assign(["a"], { close() {} })]) {
    assert.equal(knownChunks(body as Body), undefined);
  }
});

for (const [what, body, isAsync] of [
  ["nothing", undefined, false],
  ["a string", "abc", false],
  ["an array", ["a", "bc"], false],
  ["an iterable", new Set(["ab", "c"]), false],
  ["a Node stream", Readable.from(["a", "bc"]), true],
  ["a web stream", new Blob(["abc"]).stream(), true],
  [
    "an async generator",
    (async function* () {
      yield "abc";
    })(),
    true,
  ],
] as const) {
  test(`BodyReader: ${what} is read to its end`, async () => {
    const reader = new BodyReader(body as Body);
    assert.equal(reader.isAsync, isAsync);
    let text = "";
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) text += Buffer.from(chunk);
    assert.equal(text, body === undefined ? "" : "abc");
    assert.equal(await reader.next(), undefined);
    await reader.close();
  });
}

for (const body of [1, true, {}, () => "a", Symbol("a")]) {
  test(`BodyReader: ${String(body)} is not a body`, () => {
    assert.throws(() => new BodyReader(body as unknown as Body), { code: "TSGI_BAD_BODY" });
  });
}

test("BodyReader: close calls `close`, else `destroy`, else the iterator's `return`, and once", () => {
  for (const [body, call] of [
    [new Both("a"), "close"],
    [new Closed("a"), "close"],
    [new Destroyed("a"), "destroy"],
    [new Noted("a"), "return"],
  ] as const) {
    const reader = new BodyReader(body);
    reader.next();
    reader.close();
    reader.close();
    assert.deepEqual(body.calls, ["next", call]);
    assert.equal(reader.next(), undefined);
    assert.deepEqual(body.calls, ["next", call]);
  }
});

test("BodyReader: at the end there is no `return` to call, but a `close`", () => {
  for (const [body, calls] of [
    [new Noted("a"), ["next", "next"]],
    [new Closed("a"), ["next", "next", "close"]],
  ] as const) {
    const reader = new BodyReader(body);
    while (reader.next() !== undefined);
    reader.close();
    assert.deepEqual(body.calls, calls);
  }
});

test("BodyReader: an iterator that threw is at its end", () => {
  const body = new Noted("a");
  body[Symbol.iterator] = () => ({
    next() {
      throw broken;
    },
    return() {
      body.calls.push("return");
      return { done: true, value: undefined };
    },
  });
  const reader = new BodyReader(body);
  assert.throws(() => reader.next(), broken);
  assert.equal(reader.next(), undefined);
  reader.close();
  assert.deepEqual(body.calls, []);
});

test("BodyReader: a chunk that is not one is refused", async () => {
  assert.throws(() => new BodyReader(new Set([1]) as never).next(), { code: "TSGI_BAD_CHUNK" });
});

test("BodyReader: close rejects with what it fails with, and never throws", async () => {
  const throwing = Object.assign(new Noted("a"), {
    close() {
      throw broken;
    },
  });
  await assert.rejects(new BodyReader(throwing).close() as Promise<unknown>, broken);
  const rejecting = Object.assign(new Noted("a"), { close: () => Promise.reject(broken) });
  await assert.rejects(new BodyReader(rejecting).close() as Promise<unknown>, broken);
});

test("closeBody: what is all there needs no closing, what is to come is closed unread", () => {
  assert.equal(closeBody("a"), undefined);
  assert.equal(closeBody(["a"]), undefined);
  const body = new Closed("a");
  closeBody(body);
  assert.deepEqual(body.calls, ["close"]);
});

test("closeBody: a promise among chunks, which is none, ends nothing where it rejects", () =>
  allOwned(() => {
    closeBody([Promise.reject(new Error("boom"))] as never);
  }));

test("closeBody: a stream that nobody has read is closed", async () => {
  const node = new Readable({ read() {} });
  await closeBody(node);
  assert.equal(node.destroyed, true);
  let cancelled = false;
  await closeBody(
    new ReadableStream<Uint8Array>({
      cancel() {
        cancelled = true;
      },
    }) as AsyncIterable<Uint8Array>,
  );
  assert.equal(cancelled, true);
});

test("closeBody: a Node stream that fails while nobody listens ends nothing", async () => {
  const failing = new Readable({
    read() {},
    destroy(_error, done) {
      done(broken);
    },
  });
  await closeBody(failing);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(failing.errored, broken);
});

test("closeBody: what is not a body rejects", async () => {
  await assert.rejects(closeBody({} as Body) as Promise<unknown>, { code: "TSGI_BAD_BODY" });
});

test("BodyReader: a Node stream as a web stream may be closed at any moment", () =>
  allOwned(async () => {
    for (let moment = 0; moment < 8; moment++) {
      const reader = new BodyReader(Readable.toWeb(Readable.from(["a", "b", "c", "d"])) as ReadableStream);
      for (let index = 0; index < 2; index++) await reader.next();
      for (let index = 0; index < moment; index++) await undefined;
      await reader.close();
    }
  }));

test("failAfter: the error wins over what closing fails with", async () => {
  await assert.rejects(
    failAfter(() => Promise.reject(new Error("second")), broken),
    broken,
  );
  await assert.rejects(
    failAfter(() => {
      throw new Error("second");
    }, broken),
    broken,
  );
});

test("failAfter: the error does not wait for a closing that never ends", () =>
  assert.rejects(
    failAfter(() => new Promise(() => {}), broken),
    broken,
  ));

test("readBody: the whole body, as bytes", async () => {
  assert.deepEqual(Buffer.from(await readBody(["a", Buffer.from("é"), ""])), Buffer.from("aé"));
  assert.deepEqual(await readBody(undefined), new Uint8Array(0));
});

test("readBody: the body is closed at its end, and when it fails", async () => {
  const whole = new Closed("a", "b");
  await readBody(whole);
  assert.deepEqual(whole.calls, ["next", "next", "next", "close"]);
  const bad = new Closed("a", 1 as never);
  await assert.rejects(readBody(bad), { code: "TSGI_BAD_CHUNK" });
  assert.deepEqual(bad.calls, ["next", "next", "close"]);
});

test("readBody: a `close` that fails rejects, unless the body has failed before", async () => {
  const closing = Object.assign(new Noted("a"), { close: () => Promise.reject(new Error("close")) });
  await assert.rejects(readBody(closing), { message: "close" });
  const bad = Object.assign(new Noted(1 as never), { close: () => Promise.reject(new Error("close")) });
  await assert.rejects(readBody(bad), { code: "TSGI_BAD_CHUNK" });
});

test("readText: characters may lie across chunks", async () => {
  const bytes = Buffer.from("日本");
  assert.equal(await readText([...bytes].map((byte) => Uint8Array.of(byte))), "日本");
});
