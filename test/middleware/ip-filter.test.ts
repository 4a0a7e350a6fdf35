import assert from "node:assert/strict";
import { test } from "node:test";
import { type IpFilterOptions, ipFilter } from "../../middleware/ip-filter.ts";
import { text } from "../../src/apps.ts";
import { request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";

const ask = async (address: string, options: IpFilterOptions, headers = {}) =>
  seen(await request(ipFilter(text("hello"), options), "/", { environ: { REMOTE_ADDR: address }, headers }));

for (const [address, options, isIn] of [
  ["10.1.2.3", { allow: ["10.0.0.0/8"] }, true],
  ["11.1.2.3", { allow: ["10.0.0.0/8"] }, false],
  ["::ffff:10.1.2.3", { allow: ["10.0.0.0/8"] }, true],
  ["::ffff:10.1.2.3", { deny: ["10.0.0.0/8"] }, false],
  ["fd00::1", { allow: ["fd00::/8", "::1"] }, true],
  ["fe80::1%eth0", { allow: ["fd00::/8"] }, false],
  ["192.0.2.7", { deny: ["192.0.2.0/24"] }, false],
  ["192.0.3.7", { deny: ["192.0.2.0/24"] }, true],
  ["10.0.0.1", { allow: ["10.0.0.0/8"], deny: ["10.0.0.1"] }, false],
  ["", { allow: ["10.0.0.0/8"] }, false],
  ["", { allow: ["unix"] }, true],
  ["", { deny: ["unix"] }, false],
  ["10.1", { allow: ["10.0.0.0/8"] }, false],
  ["unknown", { allow: ["0.0.0.0/0", "::/0"] }, false],
] as const) {
  test(`ipFilter: ${JSON.stringify(address)} is ${isIn ? "let in" : "refused"} by ${JSON.stringify(options)}`, async () => {
    assert.deepEqual(await ask(address, options), isIn ? plain(200, "hello") : plain(403, "Forbidden\n"));
  });
}

test("ipFilter: no header says where a client is", async () => {
  const headers = { "X-Forwarded-For": "10.0.0.1", Forwarded: "for=10.0.0.1", "X-Real-IP": "10.0.0.1" };
  assert.equal((await ask("192.0.2.7", { allow: ["10.0.0.0/8"] }, headers)).status, 403);
});

test("ipFilter: wrong options throw when the app is built", () => {
  for (const options of [
    {},
    { allow: ["10.0.0.0/33"] },
    { deny: ["example.com"] },
    { allow: "10.0.0.1" },
    { block: [] },
  ]) {
    assert.throws(() => ipFilter(text(""), options as never), { code: "TSGI_BAD_OPTION" });
  }
});
