import assert from "node:assert/strict";
import { test } from "node:test";
import { andThen, callOut, isPromise, mayBeDropped, whenSettled } from "../src/promise.ts";

test("promise: a value goes on at once, a promise later", async () => {
  assert.equal(
    andThen(1, (value) => value + 1),
    2,
  );
  const later = andThen(Promise.resolve(1), (value) => value + 1);
  assert.ok(isPromise(later));
  assert.equal(await later, 2);
});

test("promise: a thenable that calls back twice is heard once", async () => {
  const values: number[] = [];
  const thenable = {
    // biome-ignore lint/suspicious/noThenProperty: it is what the test is about.
    then(resolve: (value: number) => void) {
      resolve(1);
      resolve(2);
      throw new Error("ignored");
    },
  } as unknown as PromiseLike<number>;
  await andThen(thenable, (value) => values.push(value));
  assert.deepEqual(values, [1]);
});

for (const [what, call] of [
  [
    "throws",
    () => {
      throw new Error("no");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no"))],
  [
    "gives a thenable that throws",
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: it is what the test is about.
      then() {
        throw new Error("no");
      },
    }),
  ],
] as const) {
  test(`promise: what is called out and ${what} is heard once`, async () => {
    const errors: unknown[] = [];
    callOut(call, (error) => errors.push((error as Error).message));
    await new Promise(setImmediate);
    assert.deepEqual(errors, ["no"]);
  });
}

test("promise: one that may be dropped ends nothing", async () => {
  const dropped = mayBeDropped(Promise.reject(new Error("no")));
  await new Promise(setImmediate);
  await assert.rejects(dropped, { message: "no" });
});

test("whenSettled: it calls back after every promise that can settle by itself", async () => {
  const steps: string[] = [];
  const called = new Promise<void>((resolve) =>
    whenSettled(() => {
      steps.push("called");
      resolve();
    }),
  );
  let chain = Promise.resolve();
  for (let index = 0; index < 20; index++) chain = chain.then(() => {});
  void chain.then(() => steps.push("settled"));
  await called;
  assert.deepEqual(steps, ["settled", "called"]);
});
