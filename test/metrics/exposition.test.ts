import assert from "node:assert/strict";
import { test } from "node:test";
import { exposition } from "../../src/metrics/exposition.ts";

test("exposition: quotes, backslashes and line ends of labels and help are escaped", () => {
  const metric = {
    name: "hits",
    type: "counter",
    unit: "",
    help: "one\\two\nthree",
    labels: ["a.b"],
    bounds: [],
    series: [{ labels: ['a"b\\c\nd'], values: [Number.POSITIVE_INFINITY] }],
  } as const;
  assert.equal(
    exposition([metric]),
    '# HELP hits_total one\\\\two\\nthree\n# TYPE hits_total counter\nhits_total{a_b="a\\"b\\\\c\\nd"} +Inf\n',
  );
});
