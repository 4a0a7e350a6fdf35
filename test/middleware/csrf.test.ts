import assert from "node:assert/strict";
import { test } from "node:test";
import { csrf } from "../../middleware/csrf.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";

const REFUSED = plain(403, "Forbidden: the request comes from another site\n");
const PASSED = plain(200, "changed");
const site = text("changed");
const unasked: App = () => assert.fail("asked");
const trusting = { trustedOrigins: ["https://login.example.com"] };

/** The table of Go's tests, and what browsers and attackers make of it. Host is example.com unless given. */
const TABLE: readonly (readonly [what: string, headers: Record<string, string>, passes: boolean])[] = [
  ["same-origin", { "Sec-Fetch-Site": "same-origin" }, true],
  ["typed by the user", { "Sec-Fetch-Site": "none" }, true],
  ["cross-site", { "Sec-Fetch-Site": "cross-site" }, false],
  ["same-site: a subdomain", { "Sec-Fetch-Site": "same-site" }, false],
  ["a value that is not known", { "Sec-Fetch-Site": "friendly" }, false],
  ["two values", { "Sec-Fetch-Site": "same-origin, cross-site" }, false],
  ["cross-site with the right origin", { "Sec-Fetch-Site": "cross-site", Origin: "https://example.com" }, false],
  ["no headers: not a browser", {}, true],
  ["the origin of the site", { Origin: "https://example.com" }, true],
  ["the origin of the site over http", { Origin: "http://example.com" }, true],
  ["another origin", { Origin: "https://attacker.example" }, false],
  ["an origin without a scheme", { Origin: "example.com" }, false],
  ["an origin of nobody", { Origin: "null" }, false],
  ["an origin that begins like the site", { Origin: "https://example.com.attacker.example" }, false],
  ["an origin that ends like the site", { Origin: "https://notexample.com" }, false],
  ["an origin with the site as its user", { Origin: "https://example.com@attacker.example" }, false],
  ["an origin on another port", { Origin: "https://example.com:8443" }, false],
  ["an origin of another kind", { Origin: "chrome-extension://example.com" }, false],
  ["the usual port written in Host", { Origin: "https://example.com", Host: "example.com:443" }, true],
  ["the usual port written in Origin", { Origin: "http://example.com:80", Host: "example.com" }, true],
  ["the port of the other scheme", { Origin: "https://example.com", Host: "example.com:80" }, false],
  ["an unusual port on both", { Origin: "http://localhost:8000", Host: "localhost:8000" }, true],
  ["a host in other letters", { Origin: "https://example.com", Host: "Example.COM" }, true],
];

for (const [what, headers, passes] of TABLE) {
  test(`csrf: ${what} is ${passes ? "let through" : "refused"}`, async () => {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "post"]) {
      const response = await request(csrf(passes ? site : unasked), "https://example.com/", { method, headers });
      assert.deepEqual(await seen(response), passes ? PASSED : REFUSED, method);
    }
  });
}

test("csrf: methods that change nothing pass from everywhere", async () => {
  const headers = { "Sec-Fetch-Site": "cross-site", Origin: "https://attacker.example" };
  for (const method of ["GET", "HEAD", "OPTIONS", "QUERY"]) {
    assert.equal((await request(csrf(site), "/", { method, headers })).status, 200, method);
  }
});

test("csrf: a trusted origin passes, a similar one does not", async () => {
  const ask = async (Origin: string, site_: string | undefined) => {
    const headers = site_ === undefined ? { Origin } : { Origin, "Sec-Fetch-Site": site_ };
    return (await request(csrf(site, trusting), "/", { method: "POST", headers })).status;
  };
  assert.equal(await ask("https://login.example.com", "same-site"), 200);
  assert.equal(await ask("https://login.example.com", undefined), 200);
  assert.equal(await ask("http://login.example.com", "cross-site"), 403);
  assert.equal(await ask("https://login.example.com.attacker.example", undefined), 403);
});

test("csrf: what is bypassed is not checked, but by true alone", async () => {
  const app = csrf(site, { bypass: ({ PATH_INFO }) => PATH_INFO === "/hook" || ("yes" as never) });
  const init = { method: "POST", headers: { "Sec-Fetch-Site": "cross-site" } };
  assert.deepEqual([(await request(app, "/hook", init)).status, (await request(app, "/", init)).status], [200, 403]);
});

test("csrf: wrong options throw when the app is built", () => {
  for (const origin of ["example.com", "https://example.com/", "https://*.example.com", "null", "", "https://a b"]) {
    assert.throws(() => csrf(site, { trustedOrigins: [origin] }), { code: "TSGI_BAD_OPTION" }, origin);
  }
  assert.throws(() => csrf(site, { origins: [] } as never), { code: "TSGI_BAD_OPTION" });
});
