import assert from "node:assert/strict";
import { Transform } from "node:stream";
import { test } from "node:test";
import { Ahead } from "../../../middleware/compress/ahead.ts";
import { Codec, type ZlibStream } from "../../../middleware/compress/codec.ts";
import { EncodedBody } from "../../../middleware/compress/encoded-body.ts";
import type { Encoder } from "../../../middleware/compress/encoders.ts";
import { BodyReader, readBody } from "../../../src/body/reader.ts";
import { toStream } from "../../../src/body/stream.ts";
import { allOwned } from "../../support/unowned.ts";

/** A stream with what those of zlib have beside. */
function flushable(stream: Transform): ZlibStream {
  const flush = (_kind: number, callback: () => void) => void stream.write("", callback);
  return Object.assign(stream, { flush, bytesWritten: 0 });
}

/** A body encoded by a stream that is no better than this. */
function encodedBy(stream: () => Transform, onClose: () => void) {
  const source = async function* () {
    try {
      for (let index = 0; index < 5; index++) yield "x".repeat(50_000);
    } finally {
      onClose();
    }
  };
  const encoder = { flushKind: 2, open: () => new Codec(flushable(stream())) } as unknown as Encoder;
  const options = { declared: -1, worthSending: 0, isLive: false, onError: assert.fail };
  return new EncodedBody(new Ahead(new BodyReader(source()), options), encoder, false);
}

const failures: Record<string, () => Transform> = {
  "cannot be made": () => {
    throw new Error("boom");
  },
  "fails at a write": () => new Transform({ transform: (_chunk, _encoding, done) => done(new Error("boom")) }),
  "throws at a write": () =>
    new Transform({
      transform() {
        throw new Error("boom");
      },
    }),
  "fails by itself, and again": () => {
    const stream = new Transform({
      transform() {
        setImmediate(() => stream.destroy(new Error("boom")));
      },
    });
    return stream.once("close", () => stream.emit("error", new Error("late")));
  },
  "fails at its end": () =>
    new Transform({
      transform: (_chunk, _encoding, done) => done(null, "y"),
      flush: (done) => done(new Error("boom")),
    }),
};
for (const [what, stream] of Object.entries(failures)) {
  test(`compress: a codec that ${what} is the failure of the body, and the app's body is closed`, () =>
    allOwned(async () => {
      let closed = 0;
      const body = encodedBy(stream, () => closed++);
      await assert.rejects(readBody(toStream(body)), /boom/);
      assert.equal(closed, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }));
}

test("compress: a codec that is closed while it works gives nothing more, and whoever waits for it goes on", () =>
  allOwned(async () => {
    let closed = 0;
    const stream = () => new Transform({ transform() {} });
    const body = encodedBy(stream, () => closed++);
    const pending = body.next();
    await new Promise(setImmediate);
    await body.close();
    assert.equal(await pending, undefined);
    assert.equal(await body.next(), undefined);
    assert.equal(closed, 1);
  }));
