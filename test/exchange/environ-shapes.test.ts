import assert from "node:assert/strict";
import { test } from "node:test";
import { HeaderShapes } from "../../src/exchange/environ-shapes.ts";

/** How often a set of names comes until it has a shape. */
const USUAL = 8;

test("HeaderShapes: a shape is learned when it has come a few times", () => {
  const shapes = new HeaderShapes({ A: 1 });
  const lines = ["Host", "a", "Accept", "b"];
  for (let time = 1; time < USUAL; time++) assert.equal(shapes.find(lines), undefined);
  assert.deepEqual(shapes.find(lines)?.template, { A: 1, HTTP_HOST: null, HTTP_ACCEPT: null });
  assert.equal(shapes.find(["Host", "other", "Accept", "values"]), shapes.find(lines));
  assert.equal(shapes.size, 1);
});

test("HeaderShapes: shapes that differ in a letter are learned side by side", () => {
  const shapes = new HeaderShapes({});
  for (let time = 0; time < USUAL; time++)
    for (let index = 0; index < 10; index++) shapes.find(["Host", "", `X-${index}`, ""]);
  assert.equal(shapes.size, 10);
});

test("HeaderShapes: sets of names that come once are not kept, and of those that come often a bounded number", () => {
  const once = new HeaderShapes({});
  for (let index = 0; index < 5000; index++) once.find([`X-${index}`, "a"]);
  assert.ok(once.size <= 5, `${once.size} shapes`);
  const often = new HeaderShapes({});
  for (let index = 0; index < 5000; index++) {
    const lines = Array.from({ length: 1 + (index % 120) }, (_, line) => [`X-${index}-${line}`, "a"]).flat();
    for (let time = 0; time < USUAL; time++) often.find(lines);
  }
  assert.ok(often.size <= 800 && often.size > 700, `${often.size} shapes`);
});

test("HeaderShapes: a shape in use is not driven out by those that come and go", () => {
  const shapes = new HeaderShapes({});
  const lines = ["Host", "a", "Accept", "b"];
  for (let time = 1; time < USUAL; time++) shapes.find(lines);
  const shape = shapes.find(lines);
  for (let index = 0; index < 5000; index++) {
    for (let time = 0; time < USUAL; time++) shapes.find(["Host", "a", `X-${index}`, "b"]);
    assert.equal(shapes.find(lines), shape);
  }
});

test("HeaderShapes: a shape that is not in use any more is replaced", () => {
  const shapes = new HeaderShapes({});
  const lines = ["Host", "a", "Accept", "b"];
  for (let time = 0; time < 5000; time++) shapes.find(lines);
  const shape = shapes.find(lines);
  for (let index = 0; index < 2000; index++)
    for (let time = 0; time < USUAL; time++) shapes.find(["Host", "", `X-${index}`, ""]);
  assert.notEqual(shapes.find(lines), shape);
});
