import assert from "node:assert/strict";
import { test } from "node:test";
import { isAmbiguous, mayBeAmbiguous, otherReadings } from "../../src/routing/readings.ts";

for (const [path, ...readings] of [
  ["/a/b%20c"],
  ["/a%2Fb", "/a/b"],
  ["/a%5Cb", "/a/b"],
  ["/a%2Fb%5Cc", "/a/b%5Cc", "/a/b/c"],
  ["/a//b", "/a/b"],
  ["/a;x=1/b;y", "/a/b", "/a"],
  ["/a;x%2Fb", "/a;x/b", "/a/b", "/a"],
  ["/x%2F..%2Fa", "/x/../a", "/a"],
  ["/x%2F%2F..%2Fa", "/x/../a", "/a", "/x/a"],
  ["/x/..;/a", "/x/..;/a", "/x/../a", "/a", "/x/..", "/"],
  ["/a%252Fb"],
] as const) {
  test(`otherReadings: ${path} may be ${readings.join(" or ") || "nothing else"}`, () => {
    const expected = readings.filter((reading) => reading !== path);
    assert.deepEqual([...otherReadings(path)].sort(), [...expected].sort());
    assert.equal(mayBeAmbiguous(path), expected.length > 0);
  });
}

const first = (path: string): string | undefined => /^\/(?:files|admin)(?=\/|$)/.exec(path)?.[0];

for (const [path, ambiguous] of [
  ["/files/a%2Fb", false],
  ["/files/a%2F..%2Fb", false],
  ["/x%2Fy", false],
  ["/admin%2Fx", true],
  ["/files/..%2Fadmin", true],
  ["/files/..%2Fx", true],
  ["/files/..%5Cx", true],
  ["/files/..;/x", true],
  ["/files%5C..%5Cadmin", true],
  ["/files;x", true],
] as const) {
  test(`isAmbiguous: ${path} is ${ambiguous ? "" : "not "}ambiguous beside mounts at /files and /admin`, () => {
    assert.equal(isAmbiguous(path, first(path), first), ambiguous);
  });
}

test("isAmbiguous: a path whose reading has no owner is not ambiguous, unless it climbs", () => {
  const project = (path: string) => (/^\/projects\/[^/]+$/.test(path) ? "project" : undefined);
  assert.equal(isAmbiguous("/projects/a%2Fb", "project", project), false);
  assert.equal(isAmbiguous("/projects/a%2F..%2F..%2Fb", "project", project), true);
});

test("otherReadings: 200 KB of anything hostile costs no more than its length", () => {
  for (const unit of ["%2F", "%5C", ";", "//", "%2F..", "/..;", "%2F;%5C..", "%2F.%2F", "a;"]) {
    // At a quadratic cost this would take minutes, and never reach the next line.
    otherReadings(`/${unit.repeat(200_000 / unit.length)}`);
  }
});
