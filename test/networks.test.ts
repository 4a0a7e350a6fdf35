import assert from "node:assert/strict";
import { test } from "node:test";
import { networksOf, peerAt } from "../src/networks.ts";

const has = networksOf("trust", ["10.0.0.0/8", "fd00::/8", "192.0.2.7"]);

for (const [address, isIn] of [
  ["10.1.2.3", true],
  ["::ffff:10.1.2.3", true],
  ["11.1.2.3", false],
  ["fd12::1", true],
  ["FD12::1", true],
  ["fe80::1", false],
  ["fe80::1%eth0", false],
  ["192.0.2.7", true],
  ["192.0.2.8", false],
  ["", false],
  ["unknown", false],
] as const) {
  test(`networks: ${JSON.stringify(address)} is ${isIn ? "" : "not "}in them`, () => assert.equal(has(address), isIn));
}

test("networks: what is not a network is refused by its owner's name", () => {
  for (const network of ["10.0.0.0/33", "localhost", "", "::1/129", "10.0.0.0/", "fe80::1%eth0"]) {
    assert.throws(() => networksOf("trust", [network]), {
      code: "TSGI_BAD_OPTION",
      message: new RegExp(`^${JSON.stringify(network)} of trust is not a network`),
    });
  }
});

for (const [text, address, port] of [
  ["192.0.2.1", "192.0.2.1", ""],
  ["192.0.2.1:80", "192.0.2.1", "80"],
  ["192.0.2.1:_port", "192.0.2.1", ""],
  ["2001:db8::1", "2001:db8::1", ""],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1", ""],
  ["[2001:db8::1]", "2001:db8::1", ""],
  ["[2001:db8::1]:4711", "2001:db8::1", "4711"],
  ["::ffff:192.0.2.1", "192.0.2.1", ""],
] as const) {
  test(`peerAt: ${text}`, () => assert.deepEqual(peerAt(text), { address, port }));
}

for (const text of [
  ...["", "unknown", "_hidden", "localhost", "192.0.2", "192.0.2.256", "192.0.2.1:", "192.0.2.1:x", "192.0.2.1:123456"],
  ...["[192.0.2.1]", "[2001:db8::1", "2001:db8::1]", "[2001:db8::1]80", "2001:db8::1%eth0", ":", "::1::", " 192.0.2.1"],
]) {
  test(`peerAt: ${JSON.stringify(text)} is not an address`, () => assert.equal(peerAt(text), undefined));
}
