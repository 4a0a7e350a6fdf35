import assert from "node:assert/strict";
import { test } from "node:test";
import { trustedHosts } from "../../middleware/trusted-hosts.ts";
import { text } from "../../src/apps.ts";
import { request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";

const hosts = ["example.com", "*.example.com", "localhost:8000", "[::1]", "192.0.2.7", "bücher.example"];
const app = trustedHosts(text("hello"), { hosts });
const ask = async (host: string | undefined) =>
  seen(await request(app, "/", { lint: false, environ: { HTTP_HOST: host } as never }));

for (const host of [
  "example.com",
  "EXAMPLE.com",
  "example.com.",
  "example.com:8080",
  "a.example.com",
  "a.b.example.com:1",
  "localhost:8000",
  "[::1]",
  "[::1]:80",
  "192.0.2.7",
  "xn--bcher-kva.example",
]) {
  test(`trustedHosts: ${host} is let in`, async () => assert.deepEqual(await ask(host), plain(200, "hello")));
}

for (const host of [
  undefined,
  "",
  "attacker.example",
  "example.com.attacker.example",
  "notexample.com",
  ".example.com",
  "*.example.com",
  "example.com@attacker.example",
  "attacker.example/example.com",
  "example.com, attacker.example",
  "example.com:80:80",
  "example.com:65536",
  "example.com:",
  "example.com..",
  "ex\u0430mple.com",
  "example\u3002com",
  "example.com\u0000",
  "x.192.0.2.7",
  "localhost",
  "localhost:8001",
  "[::2]",
  "a..example.com",
  `${"a.".repeat(200)}example.com`,
]) {
  test(`trustedHosts: ${JSON.stringify(host)?.slice(0, 40)} is a 421`, async () => {
    assert.equal((await ask("example.com")).status, 200);
    assert.deepEqual(await ask(host), plain(421, "Misdirected Request\n"));
  });
}

test("trustedHosts: wrong options throw when the app is built", () => {
  for (const wrong of [
    undefined,
    [],
    ["*"],
    ["https://example.com"],
    ["a b"],
    ["*.example.com:80"],
    ["*.[::1]"],
    [""],
  ]) {
    assert.throws(() => trustedHosts(text(""), { hosts: wrong } as never), { code: "TSGI_BAD_OPTION" }, String(wrong));
  }
});
