import assert from "node:assert/strict";
import { test } from "node:test";
import { secureHeaders } from "../../middleware/secure-headers.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";

const POLICY =
  "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline'";
/** What helmet 8.3 sends, except what speaks of https. */
const HELMET = {
  "content-security-policy": POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "origin-agent-cluster": "?1",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-dns-prefetch-control": "off",
  "x-download-options": "noopen",
  "x-frame-options": "SAMEORIGIN",
  "x-permitted-cross-domain-policies": "none",
  "x-xss-protection": "0",
};

test("secureHeaders: a response gets the headers of helmet", async () => {
  const app = secureHeaders(text("hello"));
  assert.deepEqual(await seen(await request(app, "/")), plain(200, "hello", HELMET));
  assert.deepEqual(
    await seen(await request(app, "https://a/")),
    plain(200, "hello", {
      ...HELMET,
      "content-security-policy": `${POLICY};upgrade-insecure-requests`,
      "strict-transport-security": "max-age=31536000; includeSubDomains",
    }),
  );
});

test("secureHeaders: what the app has stays, in any letters, and it does not say by what it is made", async () => {
  const own = { "content-security-policy": "default-src 'none'", "X-FRAME-OPTIONS": "DENY", "X-Powered-By": "PHP" };
  const { headers } = await seen(await request(secureHeaders(text("", { headers: Object.entries(own) })), "/"));
  const expected = { ...HELMET, "content-security-policy": "default-src 'none'", "x-frame-options": "DENY" };
  assert.deepEqual(headers, { ...expected, "content-length": "0", "content-type": "text/plain; charset=utf-8" });
});

test("secureHeaders: each request has a nonce of its own, in the policy and for the app", async () => {
  const page: App = (environ, startResponse) =>
    text(String(environ["tsgi.state"]["csp.nonce"]))(environ, startResponse);
  const app = secureHeaders(page, { nonce: true });
  const nonces = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const response = await request(app, "/");
    const nonce = await response.text();
    assert.match(nonce, /^[\da-f]{32}$/);
    const policy = POLICY.replace("script-src 'self'", `script-src 'self' 'nonce-${nonce}'`).concat(
      ` 'nonce-${nonce}'`,
    );
    assert.equal(response.headers.get("content-security-policy"), policy);
    nonces.add(nonce);
  }
  assert.equal(nonces.size, 3);
});

test("secureHeaders: two layers agree on the nonce", async () => {
  const app = secureHeaders(secureHeaders(text(""), { nonce: true }), { nonce: true, policy: {}, reportOnly: true });
  const { headers } = await request(app, "/");
  const nonceOf = (name: string) => /'nonce-(\w+)'/.exec(headers.get(name) ?? "")?.[1];
  assert.equal(nonceOf("content-security-policy"), nonceOf("content-security-policy-report-only"));
});

test("secureHeaders: a nonce of another layer is taken where it is one, and a policy of the app stays", async () => {
  const app = secureHeaders(text(""), { nonce: true, headers: {} });
  const policyFor = async (nonce: string, site = app): Promise<string> => {
    const giving: App = (environ, startResponse) => {
      environ["tsgi.state"]["csp.nonce"] = nonce;
      return site(environ, startResponse);
    };
    return (await request(giving, "/")).headers.get("content-security-policy") ?? "";
  };
  assert.match(await policyFor("aGVsbG8gaGVsbG8gaGVsbA=="), /script-src 'self' 'nonce-aGVsbG8gaGVsbG8gaGVsbA=='/);
  for (const nonce of ["x", "a'; script-src *; x 'aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaa\r\nSet-Cookie: a=b"]) {
    assert.match(await policyFor(nonce), /script-src 'self' 'nonce-[\da-f]{32}'/);
  }
  const own = text("", { headers: [["content-security-policy", "default-src 'none'"]] });
  const owning = secureHeaders(own, { nonce: true });
  for (let round = 0; round < 5; round++) assert.equal(await policyFor("", owning), "default-src 'none'");
});

test("secureHeaders: directives and headers are changed and taken out", async () => {
  const app = secureHeaders(text(""), {
    policy: { "img-src": ["'self'", "https:"], "style-src": false, "connect-src": ["'none'"] },
    headers: { "x-frame-options": "DENY", "X-Download-Options": false, "Permissions-Policy": "camera=()" },
  });
  const { headers } = await request(app, "/");
  const policy = POLICY.replace("img-src 'self' data:", "img-src 'self' https:")
    .replace(";style-src 'self' https: 'unsafe-inline'", "")
    .concat(";connect-src 'none'");
  assert.equal(headers.get("content-security-policy"), policy);
  assert.deepEqual(
    ["x-frame-options", "x-download-options", "permissions-policy"].map((name) => headers.get(name)),
    ["DENY", null, "camera=()"],
  );
  const without = await request(secureHeaders(text(""), { policy: false }), "/");
  assert.equal(without.headers.get("content-security-policy"), null);
});

test("secureHeaders: wrong options throw when the app is built", () => {
  for (const options of [
    { policy: { "img-src": ["a; script-src *"] } },
    { policy: { "img-src": ["a, b"] } },
    { policy: { imgSrc: ["'self'"] } },
    { policy: true },
    { headers: { "X-Own": "a\r\nb" } },
    { headers: { "X Own": "a" } },
    { nonce: "abc" },
    { csp: {} },
  ]) {
    assert.throws(() => secureHeaders(text(""), options as never), { code: "TSGI_BAD_OPTION" });
  }
});
