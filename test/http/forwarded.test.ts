import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseForwarded } from "../../src/http/forwarded.ts";

const parsed = (value: string) => parseForwarded(value)?.map((element) => ({ ...element }));

for (const [value, ...elements] of [
  [""],
  [" , ,, "],
  ["for=192.0.2.43", { for: "192.0.2.43" }],
  ['For="[2001:db8:cafe::17]:4711"', { for: "[2001:db8:cafe::17]:4711" }],
  [
    "for=192.0.2.60;proto=http;by=203.0.113.43, for=198.51.100.17",
    { for: "192.0.2.60", proto: "http", by: "203.0.113.43" },
    { for: "198.51.100.17" },
  ],
  ["for=192.0.2.1:80,for=unknown", { for: "192.0.2.1:80" }, { for: "unknown" }],
  ["\tfor=a ; proto=https ,\thost=b\t", { for: "a", proto: "https" }, { host: "b" }],
  [";;for=a;;proto=b;", { for: "a", proto: "b" }],
  ['host="a, b;c=\\"d\\\\"', { host: 'a, b;c="d\\' }],
  ['host="";for=a', { host: "", for: "a" }],
  ["__proto__=a", JSON.parse('{ "__proto__": "a" }')],
] as const) {
  test(`parseForwarded: ${value}`, () => assert.deepEqual(parsed(value), elements));
}

for (const value of [
  ...[
    "for",
    "for=",
    "=a",
    "for =a",
    "for= a",
    "for=a b",
    "for=a;for=b",
    "for=a;FOR=b",
    'for="a',
    'for="a"b',
    'for="a\\"',
  ],
  // What a client has begun is not ended by what a proxy appends.
  ...['for="a, for=192.0.2.1', 'for="a, for="[2001:db8::1]"', 'for="\\, for="192.0.2.1"', "for=a\u0000", "for=a/b"],
]) {
  test(`parseForwarded: ${JSON.stringify(value)} is malformed`, () => assert.equal(parseForwarded(value), undefined));
}

test("parseForwarded: whatever elements are written, with quotes or without, come back", () => {
  const name = fc.constantFrom("for", "by", "proto", "host", "x-other");
  const value = fc.string({ unit: fc.constantFrom(...'ab1.:[]_,;= "\\\t') });
  const element = fc.dictionary(name, value, { minKeys: 1, noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(element), (elements) => {
      const quoted = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
      const written = elements.map((each) =>
        Object.entries(each)
          .map(([key, text]) => `${key}=${/^[ab1.:[\]_]+$/.test(text) ? text : quoted(text)}`)
          .join(";"),
      );
      assert.deepEqual(parsed(written.join(", ")), elements);
    }),
  );
});

test("parseForwarded: a client cannot hide what a proxy appends", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'for=a",;\\ ') }), (sent) => {
      const own = { for: "[2001:db8::1]:4711", proto: "https" };
      const elements = parsed(`${sent}, for="${own.for}";proto=${own.proto}`);
      if (elements !== undefined) assert.deepEqual(elements.at(-1), own);
    }),
    { numRuns: 1000 },
  );
});
