import assert from "node:assert/strict";
import { test } from "node:test";
import { type HttpsRedirectOptions, httpsRedirect } from "../../middleware/https-redirect.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";

const YEAR = 31_536_000;
const unasked: App = () => assert.fail("asked");
const ask = async (url: string, options: HttpsRedirectOptions = {}, headers: Record<string, string> = {}) =>
  seen(
    await request(httpsRedirect(url.startsWith("https:") ? text("hello") : unasked, options), url, {
      headers,
      method: "POST",
    }),
  );
const redirected = (location: string) => plain(308, "", { location });

test("httpsRedirect: http goes to https, with its path and its query", async () => {
  assert.deepEqual(await ask("http://example.com/a%20b/?c=d"), redirected("https://example.com/a%20b/?c=d"));
  assert.deepEqual(await ask("http://example.com:8080//evil.example"), redirected("https://example.com/evil.example"));
  assert.deepEqual(await ask("http://example.com:8080/", { port: 8443 }), redirected("https://example.com:8443/"));
  assert.deepEqual(await ask("http://[::1]:8080/"), redirected("https://[::1]/"));
});

test("httpsRedirect: a host that is not among hosts is not sent anywhere", async () => {
  const hosts = ["example.com"];
  assert.deepEqual(await ask("http://example.com/", { hosts }), redirected("https://example.com/"));
  assert.equal((await ask("http://attacker.example/", { hosts })).status, 421);
});

test("httpsRedirect: a host that no URL can have is a 400", async () => {
  for (const Host of ["", "a@b", "a%00b", "[::1", "..", "a..b", ".a", "a\\@b", "a/b", "a#b", "a:80:80"]) {
    const response = await request(httpsRedirect(unasked), "/", { lint: false, environ: { HTTP_HOST: Host } });
    assert.equal(response.status, 400, Host);
  }
});

test("httpsRedirect: over https the app answers, and browsers are told to stay", async () => {
  const hello = (value: string) => plain(200, "hello", { "strict-transport-security": value });
  assert.deepEqual(await ask("https://example.com/"), hello(`max-age=${YEAR}`));
  assert.deepEqual(await ask("https://example.com/", { maxAge: 0 }), hello("max-age=0"));
  const all = { includeSubDomains: true, preload: true };
  assert.deepEqual(await ask("https://example.com/", all), hello(`max-age=${YEAR}; includeSubDomains; preload`));
});

test("httpsRedirect: what the app says of it stays", async () => {
  const app = httpsRedirect(text("", { headers: [["strict-transport-security", "max-age=5"]] }));
  assert.equal((await request(app, "https://a/")).headers.get("strict-transport-security"), "max-age=5");
});

test("httpsRedirect: wrong options throw when the app is built", () => {
  for (const options of [
    { port: 0 },
    { maxAge: -1 },
    { preload: true },
    { preload: true, includeSubDomains: true, maxAge: 5 },
    { hosts: [] },
    { host: "a" },
  ]) {
    assert.throws(() => httpsRedirect(unasked, options as never), { code: "TSGI_BAD_OPTION" });
  }
});
