import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { type ProxyFixOptions, type ProxyHeader, proxyFix } from "../../middleware/proxy-fix.ts";
import { json, notFound } from "../../src/apps.ts";
import type { App, Environ, HeaderList } from "../../src/gateway.ts";
import { urlOf } from "../../src/http/url.ts";
import { request } from "../../src/testing.ts";
import { fileTree } from "../support/file-tree.ts";
import { RawClient, start } from "../support/raw-client.ts";

/** Tells what an app gets to see of its client: address and port, URL, mount, and the server's port. */
const told: App = (environ, startResponse) => {
  const { REMOTE_ADDR, REMOTE_PORT, SERVER_PORT, SCRIPT_NAME } = environ;
  return json([REMOTE_ADDR, REMOTE_PORT, urlOf(environ), SCRIPT_NAME, SERVER_PORT])(environ, startResponse);
};

const ALL: readonly ProxyHeader[] = [
  "X-Forwarded-For",
  "X-Forwarded-Proto",
  "X-Forwarded-Host",
  "X-Forwarded-Port",
  "X-Forwarded-Prefix",
];

/** What an app sees behind a proxy at 10.0.0.1, of a request for `http://site.example/page`. */
async function seen(options: ProxyFixOptions, headers: HeaderList, peer = "10.0.0.1"): Promise<unknown> {
  const environ: Partial<Environ> = { REMOTE_ADDR: peer, REMOTE_PORT: "999", SERVER_PORT: "8000" };
  const response = await request(proxyFix(told, options), "http://site.example/page", { headers, environ });
  return response.json();
}

const networks = ["10.0.0.0/8", "fd00::/8"];
const UNCHANGED = ["10.0.0.1", "999", "http://site.example/page", "", "8000"];
const xff = (...values: string[]) => values.map((value) => ["X-Forwarded-For", value] as const);

// Whom it believes.

test("proxyFix: a trusted proxy says who the client is, and how it asked", async () => {
  const headers = [...xff("203.0.113.9"), ["X-Forwarded-Proto", "https"]] as const;
  assert.deepEqual(await seen({ trust: networks }, headers), [
    ...["203.0.113.9", "", "https://site.example/page", "", "443"],
  ]);
});

test("proxyFix: anybody else says nothing", async () => {
  const headers: HeaderList = ALL.map((name) => [name, "1"]);
  for (const peer of ["203.0.113.9", "11.0.0.1", "fe80::1", ""]) {
    assert.deepEqual(await seen({ trust: networks, headers: ALL }, headers, peer), [peer, ...UNCHANGED.slice(1)]);
  }
});

test("proxyFix: the first header that is not believed is reported, once", async () => {
  const app = proxyFix(told, { trust: networks });
  const ask = async (headers: HeaderList) =>
    (await request(app, "/", { headers, environ: { REMOTE_ADDR: "203.0.113.9" } })).errors;
  assert.equal(await ask([["X-Forwarded-Host", "a"]]), "");
  assert.equal(
    await ask([["X-Forwarded-Proto", "https"]]),
    "tsgi: proxyFix does not believe the X-Forwarded-Proto of 203.0.113.9, which is not in trust\n",
  );
  assert.equal(await ask(xff("10.0.0.1")), "");
});

test("proxyFix: a log that throws changes nothing", async () => {
  const environ = {
    REMOTE_ADDR: "203.0.113.9",
    "tsgi.errors": {
      write: () => {
        throw new Error("closed");
      },
    },
  };
  const response = await request(proxyFix(told, { trust: networks }), "/", { headers: xff("1.2.3.4"), environ });
  assert.equal(response.status, 200);
});

for (const [what, values, client] of [
  ["a client that makes up addresses", ["1.1.1.1, 10.0.0.7, 203.0.113.9"], "203.0.113.9"],
  ["two proxies", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"],
  ["two header lines", ["1.1.1.1, 203.0.113.9", "10.0.0.2"], "203.0.113.9"],
  ["a client in a trusted network", ["10.0.0.3"], "10.0.0.3"],
  ["such a client that makes up what is no address", ["<script>, 10.0.0.3"], "10.0.0.3"],
  ["IPv6", ["2001:DB8::0001, fd00::2"], "2001:db8::1"],
  ["IPv4 as IPv6", ["203.0.113.9, ::ffff:10.0.0.2"], "203.0.113.9"],
  ["an unknown client", ["1.1.1.1, unknown, 10.0.0.2"], "10.0.0.2"],
  ["empty values", ["203.0.113.9,,"], "10.0.0.1"],
] as const) {
  test(`proxyFix: ${what}: the way is followed to the first address that is not trusted`, async () => {
    assert.equal(((await seen({ trust: networks }, xff(...values))) as string[])[0], client);
  });
}

for (const [count, values, client] of [
  [1, ["1.1.1.1, 203.0.113.9"], "203.0.113.9"],
  [2, ["1.1.1.1, 203.0.113.9, 198.51.100.1"], "203.0.113.9"],
  [2, ["203.0.113.9"], "10.0.0.1"],
  [1, [], "10.0.0.1"],
  [1, ["unknown"], "10.0.0.1"],
] as const) {
  test(`proxyFix: of ${JSON.stringify(values)}, ${count} of the proxies are believed`, async () => {
    assert.equal(((await seen({ trust: count }, xff(...values))) as string[])[0], client);
  });
}

test("proxyFix: a request that has not come through all proxies is not believed in anything", async () => {
  const headers = [...xff("203.0.113.9"), ["X-Forwarded-Proto", "https"], ["X-Forwarded-Host", "evil"]] as const;
  assert.deepEqual(await seen({ trust: 2, headers: ALL }, headers), UNCHANGED);
});

test("proxyFix: a Unix socket is believed where trust says so", async (t) => {
  const unix = join(await fileTree({}), "socket");
  const site = dispatcher(notFound, {
    "/trusting": proxyFix(told, { trust: ["unix"] }),
    "/other": proxyFix(told, { trust: networks }),
  });
  await start(t, site, { unix });
  const ask = async (path: string) => {
    const client = await RawClient.open(connect(unix));
    return client.get(path, "X-Forwarded-For: 203.0.113.9", "Connection: close").all();
  };
  assert.match(await ask("/trusting"), /\["203\.0\.113\.9",/);
  assert.match(await ask("/other"), /\["",/);
});

// What it believes.

test("proxyFix: host, port and prefix are believed only where they are asked for", async () => {
  const headers: HeaderList = [
    ["X-Forwarded-Host", "evil.example"],
    ["X-Forwarded-Port", "1"],
    ["X-Forwarded-Prefix", "/evil"],
    ["Forwarded", "for=1.1.1.1;host=evil.example;proto=https"],
  ];
  assert.deepEqual(await seen({ trust: networks }, headers), UNCHANGED);
});

for (const [what, headers, url, mount, port] of [
  ["a host", { Host: "shop.example" }, "http://shop.example/page", "", "80"],
  ["a host with a port", { Host: "shop.example:81" }, "http://shop.example:81/page", "", "81"],
  ["a host of IPv6", { Host: "[2001:db8::1]" }, "http://[2001:db8::1]/page", "", "80"],
  ["a port", { Port: "8443", Proto: "https" }, "https://site.example:8443/page", "", "8443"],
  ["the usual port", { Port: "443", Proto: "https", Host: "a:8000" }, "https://a/page", "", "443"],
  ["a scheme in capitals", { Proto: "HTTPS" }, "https://site.example/page", "", "443"],
  ["the scheme of a WebSocket", { Proto: "wss" }, "https://site.example/page", "", "443"],
  ["a prefix", { Prefix: "/shop" }, "http://site.example/shop/page", "/shop", "8000"],
  ["a prefix that is not canonical", { Prefix: "//%73hop/./" }, "http://site.example/shop/page", "/shop", "8000"],
  ["the root as a prefix", { Prefix: "/" }, "http://site.example/page", "", "8000"],
  [
    "what two proxies append",
    { For: "1.1.1.1, 203.0.113.9, 10.0.0.2", Proto: "http, https, http", Host: "evil, shop.example, inner" },
    ...(["https://shop.example/page", "", "443"] as const),
  ],
  [
    "what the last proxy replaces",
    { For: "203.0.113.9, 10.0.0.2", Proto: "https" },
    "https://site.example/page",
    "",
    "443",
  ],
] as const) {
  test(`proxyFix: ${what}`, async () => {
    const lines = Object.entries(headers).map(([name, value]) => [`X-Forwarded-${name}`, value] as const);
    const answer = (await seen({ trust: networks, headers: ALL }, lines)) as string[];
    assert.deepEqual(answer.slice(2), [url, mount, port]);
  });
}

for (const [name, values] of [
  ["X-Forwarded-Proto", ["", "on", "javascript", "https,", "__proto__", "constructor"]],
  ["X-Forwarded-Host", ["", "a b", "a/b", "user@a", "a:b", "[::1", "a,"]],
  ["X-Forwarded-Port", ["", "0", "65536", "x", "-1", "080", "1e3"]],
  ["X-Forwarded-Prefix", ["", "shop", "/%", "/%00", "/a?b", "http://evil/"]],
] as const) {
  for (const value of values) {
    test(`proxyFix: ${name}: ${JSON.stringify(value)} changes nothing`, async () => {
      assert.deepEqual(await seen({ trust: networks, headers: ALL }, [[name, value]]), UNCHANGED);
    });
  }
}

test("proxyFix: a prefix stands before the mount of the app", async () => {
  const app = dispatcher(notFound, { "/in": proxyFix(told, { trust: networks, headers: ["X-Forwarded-Prefix"] }) });
  const site = proxyFix(app, { trust: networks, headers: ["X-Forwarded-Prefix"] });
  const options = { headers: [["X-Forwarded-Prefix", "/out"]], environ: { REMOTE_ADDR: "10.0.0.1" } } as const;
  const answer = (await (await request(site, "http://a/in/x", options)).json()) as string[];
  assert.deepEqual(answer.slice(2, 4), ["http://a/out/out/in/x", "/out/out/in"]);
});

test("proxyFix: OPTIONS * has no mount", async () => {
  const app = proxyFix(told, { trust: networks, headers: ["X-Forwarded-Prefix"] });
  const headers: HeaderList = [["X-Forwarded-Prefix", "/out"]];
  const environ = { REMOTE_ADDR: "10.0.0.1", PATH_INFO: "*", REQUEST_URI: "*" };
  const response = await request(app, "http://a/", { method: "OPTIONS", headers, environ });
  assert.equal(((await response.json()) as string[])[3], "");
});

// Forwarded.

const forwarded = { trust: networks, headers: ["Forwarded"] } as const;

for (const [value, ...expected] of [
  ["for=203.0.113.9;proto=https;host=shop.example", "203.0.113.9", "", "https://shop.example/page", "", "443"],
  ['for="[2001:db8::1]:4711";host="a:81"', "2001:db8::1", "4711", "http://a:81/page", "", "81"],
  [
    "for=1.1.1.1;host=evil, for=203.0.113.9;proto=https, for=10.0.0.2;host=inner",
    ...["203.0.113.9", "", "https://site.example/page", "", "443"],
  ],
  ["for=1.1.1.1, for=_hidden;proto=https", "10.0.0.1", "999", "https://site.example/page", "", "443"],
  ["for=1.1.1.1, proto=https", "10.0.0.1", "999", "https://site.example/page", "", "443"],
  ["", ...UNCHANGED],
] as const) {
  test(`proxyFix: Forwarded: ${value}`, async () => {
    assert.deepEqual(await seen(forwarded, value === "" ? [] : [["Forwarded", value]]), expected);
  });
}

test("proxyFix: X-Forwarded-* is not believed beside Forwarded", async () => {
  const headers: HeaderList = ALL.map((name) => [name, name.endsWith("For") ? "1.1.1.1" : "https"]);
  assert.deepEqual(await seen(forwarded, headers), UNCHANGED);
});

test("proxyFix: a Forwarded in which a client hides what proxies append is a 400, of others it is left alone", async () => {
  const app = proxyFix(told, forwarded);
  const headers: HeaderList = [
    ["Forwarded", 'for="a'],
    ["Forwarded", "for=203.0.113.9"],
  ];
  const ask = async (REMOTE_ADDR: string) => (await request(app, "/", { headers, environ: { REMOTE_ADDR } })).status;
  assert.equal(await ask("10.0.0.1"), 400);
  assert.equal(await ask("203.0.113.9"), 200);
});

test("proxyFix: a header of many addresses is read in time that grows with its length", async () => {
  const many = Array.from({ length: 4000 }, () => "10.0.0.2").join(", ");
  assert.equal(((await seen({ trust: networks }, xff(`203.0.113.9, ${many}`))) as string[])[0], "203.0.113.9");
});

test("proxyFix: over a socket, for each request of a connection anew", async (t) => {
  const { connect: open } = await start(t, proxyFix(told, { trust: ["127.0.0.0/8"] }));
  const client = await open();
  assert.match(await client.get("/", "X-Forwarded-For: 203.0.113.9").until("]"), /\["203\.0\.113\.9",/);
  client.clear();
  assert.match(await client.get("/", "X-Forwarded-For: 203.0.113.8").until("]"), /\["203\.0\.113\.8",/);
  client.clear();
  assert.match(await client.get("/").until("]"), /\["127\.0\.0\.1","\d+"/);
});

// Options.

for (const [options, message] of [
  [{}, /^proxyFix has no trust/],
  [{ trust: 0 }, /^trust of proxyFix is 0/],
  [{ trust: true }, /^trust of proxyFix is true/],
  [{ trust: ["localhost"] }, /^"localhost" of proxyFix is not a network/],
  [{ trust: 1, headers: ["X-Real-IP"] }, /^headers of proxyFix is a list/],
  [{ trust: 1, headers: ["Forwarded", "X-Forwarded-For"] }, /^headers of proxyFix has Forwarded beside others/],
  [{ trust: 1, hops: 2 }, /^proxyFix has no option "hops"/],
] as const) {
  test(`proxyFix: ${JSON.stringify(options)} is refused`, () => {
    assert.throws(() => proxyFix(told, options as never), { code: "TSGI_BAD_OPTION", message });
  });
}
