import assert from "node:assert/strict";
import { test } from "node:test";
import { bufferBody, type ProgramBody } from "../../../src/adapters/program/request-body.ts";
import { NO_INPUT } from "../../../src/body/input.ts";
import type { Environ } from "../../../src/gateway.ts";

/** An input that counts how many chunks were taken from it, and whether it was closed. */
class Input implements AsyncIterable<Uint8Array> {
  taken = 0;
  closed = false;
  readonly #chunks: readonly string[];

  constructor(...chunks: string[]) {
    this.#chunks = chunks;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    try {
      for (const chunk of this.#chunks) {
        this.taken++;
        yield Buffer.from(chunk);
      }
    } finally {
      this.closed = true;
    }
  }
}

const environOf = (input: AsyncIterable<Uint8Array>, length?: string): Environ =>
  ({ "tsgi.input": input, ...(length !== undefined && { CONTENT_LENGTH: length }) }) as Environ;

async function textOf({ input }: ProgramBody): Promise<string> {
  let text = "";
  for await (const chunk of input) text += Buffer.from(chunk);
  return text;
}

test("request body: none is none", async () => {
  assert.deepEqual(await bufferBody(environOf(NO_INPUT), 10), { length: undefined, input: NO_INPUT });
});

test("request body: an empty one without a length is none", async () => {
  assert.deepEqual(await bufferBody(environOf(new Input()), 10), { length: undefined, input: NO_INPUT });
});

test("request body: one within the limit is read before the program starts", async () => {
  for (const declared of ["6", undefined]) {
    const input = new Input("abc", "def");
    const body = await bufferBody(environOf(input, declared), 10);
    assert.deepEqual([input.taken, body.length, await textOf(body)], [2, "6", "abcdef"]);
  }
});

test("request body: a declared one over the limit is read up to it, and goes on from there", async () => {
  const input = new Input("abc", "def", "ghi", "j");
  const body = await bufferBody(environOf(input, "10"), 5);
  assert.deepEqual([input.taken, body.length], [2, "10"]);
  assert.equal(await textOf(body), "abcdefghij");
});

test("request body: a limit of 0 reads nothing of a declared one", async () => {
  const input = new Input("abc");
  const body = await bufferBody(environOf(input, "3"), 0);
  assert.deepEqual([input.taken, await textOf(body)], [0, "abc"]);
});

test("request body: one without a length over the limit is a 413, and is closed", async () => {
  const input = new Input("abc", "def", "ghi");
  await assert.rejects(bufferBody(environOf(input), 5), { code: "TSGI_BODY_TOO_LARGE" });
  assert.equal(input.closed, true);
});

test('request body: "stream" reads nothing in advance', async () => {
  const input = new Input("abc");
  assert.deepEqual(await bufferBody(environOf(input), "stream"), { length: undefined, input });
  assert.equal(input.taken, 0);
});

test("request body: a program that stops reading closes the input", async () => {
  const input = new Input("abc", "def", "ghi");
  const { input: body } = await bufferBody(environOf(input, "9"), 4);
  for await (const _ of body) break;
  assert.equal(input.closed, true);
});

test("request body: one that fails while it is held rejects", async () => {
  const broken = (async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from("x");
    throw new Error("broken");
  })();
  await assert.rejects(bufferBody(environOf(broken, "5"), 10), { message: "broken" });
});
