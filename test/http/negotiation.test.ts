import assert from "node:assert/strict";
import { test } from "node:test";
import { preferredEncoding, preferredType } from "../../src/http/negotiation.ts";

const ALL = ["br", "gzip", "identity"];

for (const [header, available, expected] of [
  [undefined, ALL, "identity"],
  [undefined, ["br"], undefined],
  ["", ALL, "identity"],
  ["gzip", ALL, "gzip"],
  ["GZIP", ALL, "gzip"],
  ["X-Gzip", ALL, "gzip"],
  ["x-gzip;q=0, br;q=0.5", ALL, "br"],
  ["x-gzip-9", ALL, "identity"],
  ["gzip, br", ALL, "br"],
  ["gzip;q=1, br;q=0.5", ALL, "gzip"],
  ["*", ALL, "br"],
  ["*;q=0", ALL, undefined],
  ["identity;q=0", ["identity"], undefined],
  ["identity;q=0, gzip", ALL, "gzip"],
  ["identity, *;q=0", ALL, "identity"],
  ["br;q=0", ["br", "identity"], "identity"],
  ["zstd", ALL, "identity"],
  ["gzip;q=0.5, gzip;q=0, br;q=0.1", ALL, "gzip"],
  ["snappy,".repeat(2000), ALL, "identity"],
  ["br;q=abc, gzip", ALL, "gzip"],
  ["gzip;q=1.5", ALL, "identity"],
  ["gzip;q=0.0001", ALL, "identity"],
  ["gzip;q=0.001", ["gzip"], "gzip"],
] as const) {
  test(`preferredEncoding: ${JSON.stringify(header?.slice(0, 40))} of ${available} is ${expected}`, () => {
    assert.equal(preferredEncoding(header, available), expected);
  });
}

const TYPES = ["text/html", "application/json"];

for (const [header, available, expected] of [
  [undefined, TYPES, "text/html"],
  ["*/*", TYPES, "text/html"],
  ["application/json", TYPES, "application/json"],
  ["application/*", TYPES, "application/json"],
  ["text/html;q=0.5, application/json", TYPES, "application/json"],
  ["text/html;q=0, */*", TYPES, "application/json"],
  ["image/png", TYPES, undefined],
  [undefined, [], undefined],
] as const) {
  test(`preferredType: ${JSON.stringify(header)} of ${available} is ${expected}`, () => {
    assert.equal(preferredType(header, available), expected);
  });
}
