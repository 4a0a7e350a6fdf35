import assert from "node:assert/strict";
import { test } from "node:test";
import { type InputSource, LateInput } from "../../src/body/late-input.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test("LateInput: it opens its source with the first read, once", async () => {
  let opened = 0;
  const chunks = [bytes(1), bytes(2)];
  const input = new LateInput(() => {
    opened++;
    return {
      next: async () => {
        const value = chunks.shift();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return() {},
    };
  });
  assert.equal(opened, 0);
  const read: Uint8Array[] = [];
  for await (const chunk of input) read.push(chunk);
  assert.deepEqual([read, opened], [[bytes(1), bytes(2)], 1]);
});

test("LateInput: what opening fails with is the error of the read, what the source fails with its cause", async () => {
  const mine = new Error("mine");
  const closed = new LateInput(() => {
    throw mine;
  });
  await assert.rejects(closed.next(), mine);
  const broken = new LateInput(() => ({ next: () => Promise.reject(mine), return() {} }));
  await assert.rejects(broken.next(), { code: "TSGI_CLIENT_GONE", cause: mine });
});

test("LateInput: reads that nobody awaits end nothing", async () => {
  const input = new LateInput(() => ({ next: () => Promise.reject(new Error("mine")), return() {} }));
  void input.next();
  void input.next();
  await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(input.next(), { code: "TSGI_CLIENT_GONE" });
});

for (const [what, stop] of [
  ["returns", () => {}],
  ["throws", () => assert.fail("mine")],
  ["rejects", () => Promise.reject(new Error("mine"))],
  ["never settles", () => new Promise(() => {})],
] as [string, InputSource["return"]][]) {
  test(`LateInput: return does not wait for a read under way, and stops a source whose return ${what}`, async () => {
    let stopped = 0;
    let fail: (error: Error) => void = () => {};
    const input = new LateInput(() => ({
      next: () =>
        new Promise((_resolve, reject) => {
          fail = reject;
        }),
      return() {
        stopped++;
        return stop();
      },
    }));
    const pending = input.next();
    await null;
    assert.deepEqual(await input.return(), { done: true, value: undefined });
    assert.deepEqual(await input.return(), { done: true, value: undefined });
    assert.equal(stopped, 1);
    fail(new Error("gone"));
    assert.deepEqual(await pending, { done: true, value: undefined });
    assert.deepEqual(await input.next(), { done: true, value: undefined });
  });
}

test("LateInput: return before the first read opens nothing", async () => {
  const input = new LateInput(() => assert.fail("opened"));
  assert.deepEqual(await input.return(), { done: true, value: undefined });
  assert.deepEqual(await input.next(), { done: true, value: undefined });
});
