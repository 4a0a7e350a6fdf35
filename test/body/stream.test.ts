import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChunkReader } from "../../src/body/reader.ts";
import { readText } from "../../src/body/reader.ts";
import { mapBody, resume, toStream } from "../../src/body/stream.ts";
import type { Chunk } from "../../src/gateway.ts";

const upper = { chunk: (chunk: Chunk): Chunk => String(chunk).toUpperCase() };

/** An async body that notes how it was closed. */
async function* slowly(notes: string[], ...chunks: Chunk[]): AsyncGenerator<Chunk> {
  try {
    for (const chunk of chunks) yield chunk;
  } finally {
    notes.push("closed");
  }
}

test("mapBody: what is all there stays an array", () => {
  assert.deepEqual(mapBody("ab", upper), ["AB"]);
  assert.deepEqual(mapBody(["a", "b"], upper), ["A", "B"]);
  assert.deepEqual(mapBody(undefined, upper), []);
});

test("mapBody: a map may drop chunks, and add one at the end", async () => {
  const map = { chunk: (chunk: Chunk) => (chunk === "b" ? undefined : chunk), end: () => "!" };
  assert.deepEqual(mapBody(["a", "b", "c"], map), ["a", "c", "!"]);
  assert.equal(await readText(mapBody(new Set(["a", "b", "c"]), map)), "ac!");
  assert.equal(await readText(mapBody(slowly([], "a", "b", "c"), map)), "ac!");
});

test("mapBody: an empty chunk means flush, and is passed on where the map has nothing to send", async () => {
  const seen: Chunk[] = [];
  const body = mapBody(slowly([], "a", "", "b"), {
    chunk(chunk) {
      seen.push(chunk);
      return chunk === "" ? undefined : chunk;
    },
  });
  const sent: Chunk[] = [];
  for await (const chunk of body) sent.push(chunk);
  assert.deepEqual(
    [seen, sent],
    [
      ["a", "", "b"],
      ["a", "", "b"],
    ],
  );
});

test("mapBody: it reads no further than it is asked", async () => {
  const taken: number[] = [];
  const counting = (function* () {
    for (let count = 1; ; count++) {
      taken.push(count);
      yield String(count);
    }
  })();
  const mapped = (mapBody(counting, upper) as Iterable<Chunk>)[Symbol.iterator]();
  mapped.next();
  mapped.next();
  mapped.return?.();
  assert.deepEqual(taken, [1, 2]);
});

test("mapBody: closing it closes the inner body, even where it was never started", async () => {
  let closes = 0;
  const body = Object.assign(new Set(["a"]), { close: () => closes++ });
  const mapped = mapBody(body, upper) as Iterable<Chunk> & { close(): unknown };
  await mapped.close();
  await mapped.close();
  assert.equal(closes, 1);
});

test("mapBody: a map that throws fails the body, which is closed", async () => {
  const notes: string[] = [];
  const mapped = mapBody(slowly(notes, "a"), {
    chunk() {
      throw new Error("broken");
    },
  });
  await assert.rejects(readText(mapped), { message: "broken" });
  assert.deepEqual(notes, ["closed"]);
});

/** A reader of these chunks that counts how often it was closed. */
function readerOf(isAsync: boolean, ...chunks: Chunk[]): ChunkReader & { closes: number } {
  const left = [...chunks];
  return {
    isAsync,
    closes: 0,
    next: () => (isAsync ? Promise.resolve(left.shift()) : left.shift()),
    close() {
      this.closes++;
      return undefined;
    },
  };
}

for (const isAsync of [false, true]) {
  const kind = isAsync ? "async" : "sync";

  test(`toStream: an ${kind} reader is a body, and is closed at its end`, async () => {
    const reader = readerOf(isAsync, "a", "b");
    assert.equal(await readText(toStream(reader)), "ab");
    assert.equal(reader.closes, 1);
  });

  test(`toStream: an ${kind} reader that is left early is closed`, async () => {
    const reader = readerOf(isAsync, "a", "b");
    for await (const chunk of toStream(reader)) {
      assert.equal(chunk, "a");
      break;
    }
    assert.equal(reader.closes, 1);
  });

  test(`resume: the chunk that was taken comes first (${kind})`, async () => {
    assert.equal(await readText(resume("a", readerOf(isAsync, "b"))), "ab");
    assert.equal(await readText(resume(undefined, readerOf(isAsync, "b"))), "b");
  });
}
