import assert from "node:assert/strict";
import { test } from "node:test";
import { TsgiError } from "../../../src/errors.ts";
import { type BodySource, bodyDiscarded, RequestInput } from "../../../src/server/engine/request-input.ts";
import { allOwned } from "../../support/unowned.ts";

/** A body that comes piece by piece. */
class Pieces implements BodySource {
  readonly input: RequestInput = new RequestInput(this);
  readonly #pieces: (string | TsgiError | undefined)[] = [];
  readonly calls: string[] = [];

  /** Pieces arrive; undefined is the end. */
  arrive(...pieces: (string | TsgiError | undefined)[]): void {
    this.#pieces.push(...pieces);
    this.input.arrive();
  }

  readBody(): Uint8Array | "end" | TsgiError | undefined {
    if (this.#pieces.length === 0) return undefined;
    const piece = this.#pieces.shift();
    if (piece === undefined) return "end";
    return typeof piece === "string" ? Buffer.from(piece) : piece;
  }

  bodyWanted(): void {
    this.calls.push("wanted");
  }

  bodyAwaited(): void {
    this.calls.push("awaited");
  }
}

/** What a read gives: its text, `"end"`, or the code that it rejects with. */
async function outcome(read: Promise<IteratorResult<Uint8Array, undefined>>): Promise<string> {
  try {
    const { done, value } = await read;
    return done ? "end" : Buffer.from(value).toString();
  } catch (error) {
    return (error as TsgiError).code;
  }
}

const broken = () => new TsgiError("TSGI_BAD_REQUEST", "broken");

test("request input: what has come is read without waiting, piece by piece, to its end", async () => {
  const pieces = new Pieces();
  pieces.arrive("a", "b", undefined);
  const { input } = pieces;
  assert.deepEqual([await outcome(input.next()), await outcome(input.next())], ["a", "b"]);
  assert.equal(input.isComplete, false);
  assert.equal(await outcome(input.next()), "end");
  assert.equal(input.isComplete, true);
  assert.equal(await outcome(input.next()), "end");
  assert.deepEqual(pieces.calls, ["wanted"]);
});

test("request input: it can be iterated", async () => {
  const pieces = new Pieces();
  setTimeout(() => pieces.arrive("a"), 1);
  setTimeout(() => pieces.arrive("b", undefined), 5);
  let text = "";
  for await (const piece of pieces.input) text += Buffer.from(piece);
  assert.equal(text, "ab");
});

test("request input: a read waits for what comes, and says so", async () => {
  const pieces = new Pieces();
  const { input } = pieces;
  assert.deepEqual([input.hasStarted, input.isAwaited], [false, false]);
  const read = outcome(input.next());
  assert.deepEqual([input.hasStarted, input.isAwaited], [true, true]);
  assert.deepEqual(pieces.calls, ["wanted", "awaited"]);
  pieces.arrive("a");
  assert.equal(input.isAwaited, false);
  assert.equal(await read, "a");
});

test("request input: nothing is taken before it is asked for", () => {
  const pieces = new Pieces();
  pieces.arrive("a");
  assert.equal(pieces.readBody()?.toString(), "a");
  assert.deepEqual(pieces.calls, []);
});

test("request input: reads that do not wait for one another are answered in turn", async () => {
  const pieces = new Pieces();
  const reads = [pieces.input.next(), pieces.input.next(), pieces.input.next(), pieces.input.next()].map(outcome);
  pieces.arrive("a");
  await reads[0];
  pieces.arrive("b", undefined);
  assert.deepEqual(await Promise.all(reads), ["a", "b", "end", "end"]);
});

test("request input: what the client does wrong rejects the read, and each one after it", async () => {
  const pieces = new Pieces();
  pieces.arrive("a", broken());
  const { input } = pieces;
  assert.equal(await outcome(input.next()), "a");
  assert.equal(await outcome(input.next()), "TSGI_BAD_REQUEST");
  assert.equal(await outcome(input.next()), "TSGI_BAD_REQUEST");
  assert.equal(input.isComplete, false);
});

test("request input: a read that waits is rejected, the ones behind it too", async () => {
  const pieces = new Pieces();
  const reads = [pieces.input.next(), pieces.input.next()].map(outcome);
  pieces.arrive(broken());
  assert.deepEqual(await Promise.all(reads), ["TSGI_BAD_REQUEST", "TSGI_BAD_REQUEST"]);
});

test("request input: what had arrived before the source failed can be read after it", async () => {
  const pieces = new Pieces();
  const { input } = pieces;
  pieces.arrive("a", "b");
  input.fail(bodyDiscarded());
  pieces.arrive("never");
  const seen = [await outcome(input.next()), await outcome(input.next()), await outcome(input.next())];
  assert.deepEqual(seen, ["a", "b", "TSGI_RESPONSE_OVER"]);
  // The client is not asked for a body that is not read any more.
  assert.deepEqual(pieces.calls, []);
});

test("request input: a body that had arrived whole before the source failed is whole", async () => {
  const pieces = new Pieces();
  const { input } = pieces;
  pieces.arrive("a", undefined);
  input.fail(bodyDiscarded());
  assert.equal(input.isComplete, true);
  assert.deepEqual([await outcome(input.next()), await outcome(input.next())], ["a", "end"]);
});

test("request input: the first failure counts", async () => {
  const pieces = new Pieces();
  pieces.arrive(broken());
  pieces.input.fail(bodyDiscarded());
  pieces.input.fail(new TsgiError("TSGI_CLIENT_GONE", "gone"));
  assert.equal(await outcome(pieces.input.next()), "TSGI_BAD_REQUEST");
});

test("request input: collecting finds the end, and loses nothing", async () => {
  const pieces = new Pieces();
  const { input } = pieces;
  pieces.arrive("a");
  input.collect();
  assert.equal(input.isComplete, false);
  pieces.arrive("b", undefined);
  input.collect();
  assert.equal(input.isComplete, true);
  assert.deepEqual([await outcome(input.next()), await outcome(input.next())], ["a", "b"]);
  assert.equal(await outcome(input.next()), "end");
});

test("request input: collecting does not take what a read waits for", async () => {
  const pieces = new Pieces();
  const read = outcome(pieces.input.next());
  pieces.input.collect();
  pieces.arrive("a");
  assert.equal(await read, "a");
});

test("request input: who stops reading gets no more, and lets a read go that waits", async () => {
  const pieces = new Pieces();
  const { input } = pieces;
  const read = outcome(input.next());
  assert.equal(await outcome(input.return()), "end");
  assert.equal(await read, "end");
  pieces.arrive("a", undefined);
  assert.equal(await outcome(input.next()), "end");
  assert.equal(input.isComplete, false);
  input.collect();
  assert.equal(input.isComplete, true);
  assert.equal(await outcome(input.next()), "end");
});

test("request input: what has arrived is forgotten with the wish to read it", async () => {
  const pieces = new Pieces();
  const { input } = pieces;
  pieces.arrive("a", "b");
  input.collect();
  await input.return();
  input.fail(bodyDiscarded());
  assert.equal(await outcome(input.next()), "end");
});

test("request input: reads that nobody awaits end nothing", async () => {
  await allOwned(async () => {
    const waiting = new Pieces();
    void waiting.input.next();
    void waiting.input.next();
    waiting.input.fail(bodyDiscarded());
    void waiting.input.next();
    const failing = new Pieces();
    void failing.input.next();
    failing.arrive(broken());
    void failing.input.next();
    const failed = new Pieces();
    failed.arrive(broken());
    void failed.input.next();
    await new Promise(setImmediate);
  });
});
