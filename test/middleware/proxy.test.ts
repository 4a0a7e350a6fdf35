import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ejectionSettings } from "../../middleware/balancer/ejection.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { lint } from "../../middleware/lint.ts";
import { settingsOf } from "../../middleware/proxy/options.ts";
import { type ProxyOptions, proxy } from "../../middleware/proxy.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { toFetch } from "../../src/adapters/to-fetch.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { Authority } from "../support/authority.ts";
import { RULES, titlesIn } from "../support/proxy-rules.ts";
import { start, wire } from "../support/raw-client.ts";
import { type Answer, HI, type RawTarget, rawTarget, sendTo } from "../support/raw-target.ts";
import { root } from "../support/session.ts";
import { transcript } from "../support/transcript.ts";

/** A target, and a proxy to it that names itself `p`. */
async function proxied(
  t: TestContext,
  answer: Answer,
  options: ProxyOptions = {},
  base = "",
): Promise<{ target: RawTarget; app: App }> {
  const target = await rawTarget(t, answer);
  return { target, app: proxy(target.url + base, { via: "p", ...options }) };
}

/** A server of Node that sends request bodies back; gives its URL. */
async function echo(t: TestContext, onConnection = () => {}): Promise<string> {
  const server = createServer((incoming, response) => incoming.pipe(response)).on("connection", onConnection);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The request line and the lines that a target has got, without those that every request has. */
function linesOf(head: string | undefined, but = /^(?:host|connection|x-forwarded-\w+|via):/i): string[] {
  return (head ?? "")
    .trim()
    .split("\r\n")
    .filter((line) => !but.test(line));
}

/** What a target gets of a request. */
async function sent(t: TestContext, url: string, init: RequestOptions = {}, options: ProxyOptions = {}, base = "") {
  const { target, app } = await proxied(t, HI, options, base);
  const response = await request(app, url, init);
  await response.text();
  return { status: response.status, lines: linesOf(target.heads[0]), head: target.heads[0] ?? "", target };
}

test("proxy: forwards a request and its response", async (t) => {
  const { target, app } = await proxied(
    t,
    "HTTP/1.1 201 Made\nContent-Type: text/plain\nX-A: b\nContent-Length: 2\n\nhi",
  );
  assert.equal(
    await transcript(app, "http://example.com/a?b=c", { headers: { Accept: "text/plain" } }),
    "201 Made\ncontent-length: 2\ncontent-type: text/plain\nvia: 1.1 p\nx-a: b\n\nhi",
  );
  assert.deepEqual(target.heads, [
    wire(`GET /a?b=c HTTP/1.1
host: 127.0.0.1:${target.port}
connection: keep-alive
Accept: text/plain
X-Forwarded-For: 127.0.0.1
X-Forwarded-Proto: http
X-Forwarded-Host: example.com
X-Forwarded-Port: 80
Via: 1.1 p

`),
  ]);
});

test("proxy: keeps a connection for the next request", async (t) => {
  const { target, app } = await proxied(t, HI);
  for (let index = 0; index < 3; index++) assert.equal(await (await request(app, "/")).text(), "hi");
  assert.equal(target.connections, 1);
});

test("proxy: what belongs to a connection stays there, both ways", async (t) => {
  const { target, app } = await proxied(
    t,
    "HTTP/1.1 200 OK\nConnection: X-Hop, close\nX-Hop: 1\nKeep-Alive: timeout=9\nProxy-Authenticate: Basic\nTrailer: X-T\nUpgrade: h2c\nContent-Length: 0\n\n",
  );
  const headers = {
    Connection: "X-Hop, te",
    "X-Hop": "1",
    "Keep-Alive": "9",
    "Proxy-Connection": "keep-alive",
    TE: "deflate",
    Trailer: "X-T",
    Upgrade: "h2c",
    "HTTP2-Settings": "AA",
    "Proxy-Authorization": "Basic x",
  };
  assert.equal(await transcript(app, "/", { headers }), "200 OK\ncontent-length: 0\nvia: 1.1 p\n\n");
  assert.deepEqual(linesOf(target.heads[0]), ["GET / HTTP/1.1"]);
});

test("proxy: Connection cannot take away what a target decides by", async (t) => {
  const told = { Cookie: "a=b", Authorization: "x", "Content-Type": "text/plain", "Content-Encoding": "br" };
  const headers = { Connection: `Host, X-Forwarded-For, Via, bad token, ${Object.keys(told)}`, ...told };
  const { lines, head } = await sent(t, "/", { headers });
  assert.deepEqual(lines, ["GET / HTTP/1.1", ...Object.entries(told).map(([name, value]) => `${name}: ${value}`)]);
  assert.match(head, /\r\nhost: [\s\S]*X-Forwarded-For: 127\.0\.0\.1\r\n[\s\S]*Via: 1\.1 p/);
  const ofPeers = { ...TOLD, Connection: Object.keys(TOLD).join() };
  const trusted = await sent(t, "/", { headers: ofPeers }, { trust: true });
  for (const name of Object.keys(TOLD)) assert.match(trusted.head, new RegExp(`^${name}: `, "m"));
});

test("proxy: Connection cannot take away what layers have set", async (t) => {
  const target = await rawTarget(t, HI);
  const inner = proxy(target.url, { via: false });
  const app: App = (environ, startResponse) =>
    inner({ ...environ, HTTP_X_USER: "ann", HTTP_X_ROLE: "all" }, startResponse);
  const headers = { Connection: "X-User, X-Role, X-Hop", "X-User": "root", "X-Hop": "1" };
  await (await request(app, "/", { headers })).text();
  assert.deepEqual(linesOf(target.heads[0]), ["GET / HTTP/1.1", "X-User: ann", "X-Role: all"]);
});

test("proxy: the canonical path is sent, the query as it came", async (t) => {
  const { lines } = await sent(t, "/a%2Fb/%7Eu/./c/../d//e;x?y=%zz");
  assert.deepEqual(lines, ["GET /a%2Fb/~u/d/e;x?y=%zz HTTP/1.1"]);
});

test("proxy: the path is sent as the client has spelled it where that is asked for", async (t) => {
  const path = "/a%2Fb/%7Eu/./c/../d//e;x?y=%zz";
  assert.deepEqual((await sent(t, path, {}, { path: "raw" })).lines, [`GET ${path} HTTP/1.1`]);
  const target = await rawTarget(t, HI);
  const app = dispatcher(notFound, { "/m": proxy(target.url, { path: "raw" }) });
  for (const url of ["/m/%7Ea", "/%6D/%7Ea", "/x/../m/%7Ea"]) await (await request(app, url)).text();
  assert.deepEqual(
    target.heads.map((head) => linesOf(head)[0]),
    ["GET /%7Ea HTTP/1.1", "GET /~a HTTP/1.1", "GET /~a HTTP/1.1"],
  );
});

test("proxy: a path that could lead out of the target's own is a 400", async (t) => {
  const base = "/v1";
  for (const path of ["/..%2fx", "/a%2f%2e%2e%5cb", "/a/..;/b", "/x%5C..%5cy"]) {
    const { status, target } = await sent(t, path, {}, { path: "raw" }, base);
    assert.deepEqual([status, target.heads.length], [400, 0], path);
  }
  assert.equal((await sent(t, "/..%2fx")).lines[0], "GET /..%2Fx HTTP/1.1");
  assert.equal((await sent(t, "/..%2fx", {}, { dotSegments: "pass" }, base)).lines[0], "GET /v1/..%2Fx HTTP/1.1");
  assert.equal((await sent(t, "/..%2fx", {}, { dotSegments: "reject" })).status, 400);
});

test("proxy: paths are joined with one slash, queries with &", async (t) => {
  const target = await rawTarget(t, HI);
  const lineOf = async (base: string, path: string) => {
    await (await request(dispatcher(notFound, { "/api": proxy(target.url + base) }), path)).text();
    return target.heads.at(-1)?.split(" ", 2)[1];
  };
  assert.equal(await lineOf("", "/api"), "/");
  assert.equal(await lineOf("/", "/api/"), "/");
  assert.equal(await lineOf("/v1", "/api"), "/v1");
  assert.equal(await lineOf("/v1", "/api/x"), "/v1/x");
  assert.equal(await lineOf("/v1/", "/api/x"), "/v1/x");
  assert.equal(await lineOf("/v1/?k=1", "/api"), "/v1/?k=1");
  assert.equal(await lineOf("/v1?k=1", "/api/x?a=%20"), "/v1/x?k=1&a=%20");
});

test("proxy: nothing in a request changes where it goes", async (t) => {
  const target = await rawTarget(t, HI);
  const { server, connect } = await start(t, proxy(target.url, { path: "raw" }));
  assert.ok(server.port > 0);
  for (const path of ["//evil.example/x", "/\\evil.example", "/@evil.example", "http://evil.example/y"]) {
    const client = await connect();
    await client.send(`GET ${path} HTTP/1.1\r\nHost: evil.example\r\n\r\n`).until("hi");
  }
  assert.deepEqual(
    target.heads.map((head) => head.split("\r\n", 2)),
    ["//evil.example/x", "/\\evil.example", "/@evil.example", "/y"].map((path) => [
      `GET ${path} HTTP/1.1`,
      `host: 127.0.0.1:${target.port}`,
    ]),
  );
});

test("proxy: OPTIONS * is forwarded as it is, CONNECT and TRACE are not", async (t) => {
  const { target, app } = await proxied(t, HI);
  assert.equal((await request(app, "*", { method: "OPTIONS" })).status, 200);
  assert.equal(linesOf(target.heads[0])[0], "OPTIONS * HTTP/1.1");
  assert.equal((await request(app, "/", { environ: { REQUEST_METHOD: "CONNECT" } })).status, 501);
  assert.equal((await request(app, "/", { environ: { REQUEST_METHOD: "TRACE" } })).status, 405);
  assert.equal(target.heads.length, 1);
});

test("proxy: Host is the target's, the client's, or another", async (t) => {
  const hostOf = async (host?: string) => {
    const { head } = await sent(t, "http://example.com/", {}, host === undefined ? {} : { host });
    return [/^host: (.*)\r$/m.exec(head)?.[1], /^X-Forwarded-Host: (.*)\r$/m.exec(head)?.[1]];
  };
  assert.match((await hostOf())[0] as string, /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(await hostOf("preserve"), ["example.com", "example.com"]);
  assert.deepEqual(await hostOf("other.example"), ["other.example", "example.com"]);
});

const TOLD = {
  "X-Forwarded-For": "9.9.9.9",
  "X-Forwarded-Proto": "https",
  "X-Forwarded-User": "root",
  "X-Real-IP": "9.9.9.9",
  Forwarded: "for=9.9.9.9",
};

test("proxy: what a client tells of other clients is replaced", async (t) => {
  const { head } = await sent(t, "/", { headers: TOLD, environ: { SERVER_PORT: "8443" } });
  assert.deepEqual(linesOf(head, /^(?:host|connection|via|get)/i), [
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Host: localhost",
    "X-Forwarded-Port: 8443",
  ]);
});

test("proxy: what a trusted peer tells of clients is continued, on one line", async (t) => {
  for (const trust of [true, ["127.0.0.0/8"]]) {
    const { head } = await sent(t, "/", { headers: TOLD }, { trust });
    assert.deepEqual(linesOf(head, /^(?:host|connection|via|get)/i).sort(), [
      "Forwarded: for=9.9.9.9",
      "X-Forwarded-For: 9.9.9.9, 127.0.0.1",
      "X-Forwarded-Host: localhost",
      "X-Forwarded-Port: 80",
      "X-Forwarded-Proto: https",
      "X-Forwarded-User: root",
      "X-Real-IP: 9.9.9.9",
    ]);
  }
  const { head } = await sent(t, "/", { headers: TOLD }, { trust: ["10.0.0.0/8", "::1"] });
  assert.doesNotMatch(head, /9\.9\.9\.9/);
});

test("proxy: the mount is handed on", async (t) => {
  const target = await rawTarget(t, HI);
  const app = dispatcher(notFound, { "/a/b": proxy(target.url) });
  await (await request(app, "/a/b/c")).text();
  assert.match(target.heads[0] as string, /^X-Forwarded-Prefix: \/a\/b\r$/m);
});

test("proxy: Forwarded is written as RFC 7239 says", async (t) => {
  const forwarded = async (address: string, host: string) => {
    const environ = { REMOTE_ADDR: address, HTTP_HOST: host };
    const { head } = await sent(t, "/", { environ }, { forwarded: true });
    return /^Forwarded: (.*)\r$/m.exec(head)?.[1];
  };
  assert.equal(await forwarded("192.0.2.1", "a.example"), "for=192.0.2.1;proto=http;host=a.example");
  assert.equal(await forwarded("2001:db8::1", "a:80"), 'for="[2001:db8::1]";proto=http;host="a:80"');
  assert.equal(await forwarded("", "a"), "for=unknown;proto=http;host=a");
});

test("proxy: a request that has come by before is a 508", async (t) => {
  const { target, app } = await proxied(t, HI);
  const response = await request(app, "/", { headers: { Via: "1.0 fred, 1.1 p (a comment)" } });
  assert.deepEqual([response.status, target.heads.length], [508, 0]);
  await (await request(app, "/", { headers: { Via: "1.1 pp" } })).text();
  assert.match(target.heads[0] as string, /^Via: 1\.1 pp, 1\.1 p\r$/m);
  const own = proxy(target.url);
  const around = proxy(target.url, { via: false });
  assert.match((await request(own, "/")).headers.get("Via") as string, /^1\.1 tsgi-[\da-f]{8}$/);
  assert.equal((await request(around, "/")).headers.get("Via"), null);
});

test("proxy: Max-Forwards counts OPTIONS down, and ends it at 0", async (t) => {
  const { target, app } = await proxied(t, HI);
  const options = (left: string) => request(app, "/", { method: "OPTIONS", headers: { "Max-Forwards": left } });
  assert.equal((await options("0")).status, 204);
  assert.equal(target.heads.length, 0);
  assert.equal((await options("5")).status, 200);
  assert.deepEqual(linesOf(target.heads[0]), ["OPTIONS / HTTP/1.1", "Max-Forwards: 4"]);
});

test("proxy: lines keep their count, order, case and bytes", async (t) => {
  const { lines } = await sent(t, "/", {
    headers: [
      ["x-LOWER", "1"],
      ["X-Twice", "a"],
      ["Cookie", "a=1"],
      ["X-Twice", "b"],
      ["Cookie", "b=2"],
      ["X-Latin", "caf\xe9"],
      ["X_Under", "score"],
    ],
  });
  assert.deepEqual(lines, [
    "GET / HTTP/1.1",
    "x-LOWER: 1",
    "X-Twice: a",
    "Cookie: a=1; b=2",
    "X-Twice: b",
    "X-Latin: caf\xe9",
  ]);
});

test("proxy: what layers change in the environ is what the target gets", async (t) => {
  const target = await rawTarget(t, HI);
  const inner = proxy(target.url);
  const app: App = (environ, startResponse) => {
    const { HTTP_X_GONE: _gone, ...rest } = environ;
    return inner({ ...rest, HTTP_X_CHANGED: "new", HTTP_X_FORWARDED_USER: "ada", HTTP_X_ADDED: "1" }, startResponse);
  };
  const headers: [string, string][] = [
    ["X-Gone", "1"],
    ["X-Changed", "old"],
    ["X-Changed", "older"],
    ["X-Forwarded-User", "root"],
  ];
  await (await request(app, "/", { headers })).text();
  assert.deepEqual(linesOf(target.heads[0], /^(?:host|connection|x-forwarded-(?!user)\w+|via):/i), [
    "GET / HTTP/1.1",
    "X-Changed: new",
    "X-Forwarded-User: ada",
    "X-Added: 1",
  ]);
});

test("proxy: a body is framed in one way, whatever the method", async (t) => {
  async function* stream() {
    yield "hel";
    yield "lo";
  }
  const framed = async (method: string, body?: RequestOptions["body"]) => {
    const { target, app } = await proxied(t, (socket, head) => {
      if (/^content-length: [05]\r$/m.test(head) || !/chunked/.test(head)) sendTo(socket, HI);
    });
    const answered = request(app, "/", body === undefined ? { method } : { method, body });
    if (body !== undefined) await target.until(typeof body === "string" ? "hello" : "\r\n0\r\n\r\n");
    for (const socket of target.open) if (typeof body !== "string" && body !== undefined) sendTo(socket, HI);
    await (await answered).text();
    const [head = "", rest = ""] = target.received.split(/(?<=\r\n\r\n)/, 2);
    return [...linesOf(head, /^(?!content-length|transfer-encoding)/i), target.received.slice(head.length) || rest];
  };
  const chunked = "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
  assert.deepEqual(await framed("POST", "hello"), ["content-length: 5", "hello"]);
  for (const method of ["POST", "DELETE", "OPTIONS", "GET"]) {
    assert.deepEqual(await framed(method, stream()), ["transfer-encoding: chunked", chunked], method);
  }
  assert.deepEqual(await framed("POST"), ["content-length: 0", ""]);
  assert.deepEqual(await framed("GET"), [""].filter(Boolean).concat([""]));
});

test("proxy: a target that speaks HTTP/1.0 is not sent chunks", async (t) => {
  const { target, app } = await proxied(t, HI.replace("1.1", "1.0"));
  async function* stream() {
    yield "hello";
  }
  assert.equal(await (await request(app, "/")).text(), "hi");
  assert.equal((await request(app, "/", { method: "PUT", body: stream() })).status, 411);
  assert.equal(await (await request(app, "/", { method: "PUT", body: "hello" })).text(), "hi");
  assert.doesNotMatch(target.received, /chunked/);
});

test("proxy: what cannot be sent on is a 400, too many headers a 431", async (t) => {
  const { target, app } = await proxied(t, HI, { maxRequestHead: 2000 });
  const status = async (environ: object, headers = {}) =>
    (await request(app, "/", { environ, headers, lint: false })).status;
  assert.equal(await status({ PATH_INFO: "/a\r\nX: y" }), 400);
  assert.equal(await status({ QUERY_STRING: "a b" }), 400);
  assert.equal(await status({ PATH_INFO: "/\u0100" }), 400);
  assert.equal(await status({ HTTP_X_A: "a\r\nb" }), 400);
  assert.equal(await status({ REQUEST_METHOD: "A B" }), 400);
  assert.equal(await status({ HTTP_X_A: "a".repeat(2000) }), 431);
  assert.equal(target.heads.length, 0);
});

test("proxy: a body that is not as long as it says is a 400, and nothing of it is taken for a request", async (t) => {
  const { target, app } = await proxied(t, () => {});
  for (const length of ["3", "9"]) {
    const environ = { CONTENT_LENGTH: length };
    assert.equal((await request(app, "/", { method: "POST", body: "hello", environ, lint: false })).status, 400);
  }
  const environ = { CONTENT_LENGTH: "100000" };
  assert.equal((await request(app, "/", { method: "POST", body: "hello", environ, lint: false })).status, 400);
  await target.untilLeft();
});

test("proxy: encodings pass untouched, unless a layer transforms the response", async (t) => {
  const { target, app } = await proxied(t, "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 2\n\nhi");
  const headers = { "Accept-Encoding": "br" };
  await (await request(app, "/", { headers })).text();
  const shouting = transform(
    app,
    mapText("text/plain", (piece) => piece.toUpperCase()),
  );
  assert.equal(await (await request(shouting, "/", { headers })).text(), "HI");
  assert.deepEqual(linesOf(target.heads[0]), ["GET / HTTP/1.1", "Accept-Encoding: br"]);
});

test("proxy: redirects are passed on, and references to the target are mapped to where it is mounted", async (t) => {
  let location = "";
  const target = await rawTarget(t, (socket) =>
    sendTo(socket, `HTTP/1.1 302 Found\nLocation: ${location}\nContent-Length: 0\n\n`),
  );
  const mapped = async (sentLocation: string, base = "", mount = "/m") => {
    location = sentLocation;
    const app = mount === "" ? proxy(target.url + base) : dispatcher(notFound, { [mount]: proxy(target.url + base) });
    const response = await request(app, `http://example.com${mount}/x`);
    assert.equal(response.status, 302);
    return response.headers.get("Location");
  };
  assert.equal(await mapped("/login?a=b#c"), "/m/login?a=b#c");
  assert.equal(await mapped("/m/login"), "/m/login");
  assert.equal(await mapped("login"), "login");
  assert.equal(await mapped("//other.example/login"), "//other.example/login");
  assert.equal(await mapped("https://other.example/login"), "https://other.example/login");
  assert.equal(await mapped(`${target.url}/login`), "/m/login");
  assert.equal(await mapped(`${target.url}`), "/m/");
  assert.equal(await mapped(`${target.url}0/login`), `${target.url}0/login`);
  assert.equal(await mapped("http://example.com/login"), "/m/login");
  assert.equal(await mapped("/v1/login", "/v1"), "/m/login");
  assert.equal(await mapped("/v1", "/v1", ""), "/");
  assert.equal(await mapped("/v10", "/v1"), "/v10");
  assert.equal(await mapped("/login", "", ""), "/login");
});

test("proxy: paths of cookies are mapped, and their domain where that is asked for", async (t) => {
  const cookies = [
    "a=1; Path=/; Secure",
    "b=2; path=/x; Domain=u.example",
    "c=3",
    "__Host-d=4; Path=/; Secure",
    "e=5; Path=/m/y",
  ];
  const head = cookies.map((cookie) => `Set-Cookie: ${cookie}\n`).join("");
  const target = await rawTarget(t, `HTTP/1.1 200 OK\n${head}Content-Length: 0\n\n`);
  const got = async (options: ProxyOptions, mount: string) => {
    const app = dispatcher(notFound, { [mount]: proxy(target.url, options) });
    return (await request(app, `${mount}/`)).headers.getSetCookie();
  };
  assert.deepEqual(await got({}, "/m"), [
    "a=1; Path=/m; Secure",
    "b=2; path=/m/x; Domain=u.example",
    "c=3",
    "__Host-d=4; Path=/; Secure",
    "e=5; Path=/m/y",
  ]);
  assert.deepEqual(
    await got({ mapPaths: false, cookieDomain: "" }, "/m"),
    cookies.map((c) => c.replace("; Domain=u.example", "")),
  );
  assert.equal((await got({ cookieDomain: "x.example" }, "/m"))[1], "b=2; path=/m/x; Domain=x.example");
});

test("proxy: a reference to the target never becomes one to another host", async (t) => {
  let location = "";
  const target = await rawTarget(t, (socket) =>
    sendTo(socket, `HTTP/1.1 302 Found\nLocation: ${location}\nContent-Length: 0\n\n`),
  );
  const led = async (to: string, base = "") => {
    location = to;
    return (await request(proxy(target.url + base, { via: false }), "/")).headers.get("Location");
  };
  assert.equal(await led(`${target.url}//evil.example/x`), "/.//evil.example/x");
  assert.equal(await led(`${target.url}/\\evil.example`), "/./\\evil.example");
  assert.equal(await led("/v1//evil.example", "/v1"), "/.//evil.example");
  assert.equal(await led("/v1/\\evil.example", "/v1"), "/./\\evil.example");
  assert.equal(await led(`${target.url}/\t/evil.example`), "/./\t/evil.example");
  assert.equal(await led(`${target.url}/x//y`), "/x//y");
});

test("proxy: no attribute of a cookie comes from the mount, which a client may choose", async (t) => {
  const target = await rawTarget(t, HI.replace("\n", "\nSet-Cookie: a=b; Path=/\nSet-Cookie: c=d; Path=/e\n"));
  const app = dispatcher(notFound, { "/:team": proxy(target.url, { via: false }) });
  const response = await request(app, "/a;Domain=example.com/e");
  const mount = "/a%3BDomain=example.com";
  assert.deepEqual(response.headers.getSetCookie(), [`a=b; Path=${mount}`, `c=d; Path=${mount}/e`]);
});

test("proxy: status and reason are kept, any that there may be", async (t) => {
  let line = "";
  const { app } = await proxied(t, (socket) => sendTo(socket, `HTTP/1.1 ${line}\nContent-Length: 0\n\n`));
  for (const [sentLine, status, reason] of [
    ["200 Fine", 200, "Fine"],
    ["299 Odd", 299, "Odd"],
    ["599 ", 599, ""],
    ["404 Caf\xe9", 404, "Not Found"],
    ["600 Beyond", 502, "Bad Gateway"],
    ["099 Below", 502, "Bad Gateway"],
  ] as const) {
    line = sentLine;
    const response = await request(app, "/");
    assert.deepEqual([response.status, response.statusText], [status, reason], sentLine);
  }
});

test("proxy: Date and Server pass, nothing is added twice", async (t) => {
  const { app } = await proxied(
    t,
    "HTTP/1.1 200 OK\nDate: Sat, 21 Nov 2026 20:00:00 GMT\nServer: x\nX-B: \xe9\nContent-Length: 0\n\n",
  );
  const { connect } = await start(t, app);
  const client = await connect();
  client.get("/");
  await client.until("\r\n\r\n");
  assert.equal(
    client.received,
    wire(
      "HTTP/1.1 200 OK\nServer: x\nX-B: \xe9\nContent-Length: 0\nVia: 1.1 p\nConnection: keep-alive\nKeep-Alive: timeout=5\n\n",
    ),
  );
});

test("proxy: HEAD keeps the length, 204 and 304 have no body, and the connection is kept", async (t) => {
  const heads: Record<string, string> = {
    "/head": "HTTP/1.1 200 OK\nContent-Length: 5\n\n",
    "/204": "HTTP/1.1 204 No Content\n\n",
    "/304": 'HTTP/1.1 304 Not Modified\nETag: "a"\n\n',
    "/200": HI,
  };
  const { target, app } = await proxied(t, (socket, head) =>
    sendTo(socket, heads[head.split(" ")[1] as string] as string),
  );
  assert.equal(await transcript(app, "/head", { method: "HEAD" }), "200 OK\ncontent-length: 5\nvia: 1.1 p\n\n");
  assert.equal(await transcript(app, "/204"), "204 No Content\nvia: 1.1 p\n\n");
  assert.equal(await transcript(app, "/304"), '304 Not Modified\netag: "a"\nvia: 1.1 p\n\n');
  assert.equal(await transcript(app, "/200"), "200 OK\ncontent-length: 2\nvia: 1.1 p\n\nhi");
  assert.equal(target.connections, 1);
});

test("proxy: a 304 that declares a length is whole", async (t) => {
  const { app } = await proxied(t, "HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n");
  for (let index = 0; index < 2; index++) {
    assert.equal(await transcript(app, "/"), "304 Not Modified\ncontent-length: 5\nvia: 1.1 p\n\n");
  }
});

test("proxy: a body that ends with its connection is whole", async (t) => {
  const { app } = await proxied(t, (socket) => {
    sendTo(socket, "HTTP/1.1 200 OK\n\nhel");
    setTimeout(() => socket.end("lo"), 5);
  });
  assert.equal(await transcript(app, "/"), "200 OK\nvia: 1.1 p\n\nhello");
});

test("proxy: the head is sent on before the body comes, and every event by itself", async (t) => {
  const { target, app } = await proxied(
    t,
    "HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n",
  );
  const { connect } = await start(t, app);
  const client = await connect();
  await client.get("/").until("text/event-stream");
  const [socket] = target.open;
  for (const event of ["one", "two"]) {
    if (socket !== undefined) socket.write(`5\r\n${event}\n\n\r\n`);
    await client.until(`${event}\n\n`);
  }
});

test("proxy: 103 is passed on where that is asked for", async (t) => {
  const answer = `HTTP/1.1 102 Processing\n\nHTTP/1.1 103 Early Hints\nLink: </a.css>\nConnection: x\n\n${HI}`;
  for (const earlyHints of [true, false]) {
    const { app } = await proxied(t, answer, { earlyHints });
    const response = await request(app, "/");
    assert.equal(await response.text(), "hi");
    assert.deepEqual(
      response.informational,
      earlyHints ? [{ status: "103 Early Hints", headers: [["Link", "</a.css>"]] }] : [],
    );
    // A client of HTTP/1.0 would take it for the response.
    const old = await request(app, "/", { environ: { SERVER_PROTOCOL: "HTTP/1.0" } });
    assert.deepEqual([await old.text(), old.informational], ["hi", []]);
  }
});

test("proxy: a target that sends 100 Continue unasked is understood", async (t) => {
  const { target, app } = await proxied(t, (socket, head) => {
    if (head.startsWith("POST")) socket.once("data", () => {});
    sendTo(socket, `HTTP/1.1 100 Continue\n\n${HI}`);
  });
  assert.equal(await (await request(app, "/")).text(), "hi");
  assert.equal(await (await request(app, "/", { method: "POST", body: "x" })).text(), "hi");
  assert.equal(target.heads.length, 3);
  // It was sent, so it is not sent again.
  const other = await proxied(t, `HTTP/1.1 100 Continue\n\n${HI}`);
  for (const status of [502, 200])
    assert.equal((await request(other.app, "/", { method: "POST", body: "x" })).status, status);
  assert.equal(other.target.heads.length, 2);
});

test("proxy: a body is framed in one way for a target that sends 100 Continue unasked", async (t) => {
  const { target, app } = await proxied(t, (socket, head) => {
    if (!/chunked/.test(head)) sendTo(socket, `HTTP/1.1 100 Continue\n\n${HI}`);
  });
  const { connect } = await start(t, app);
  await (await connect()).get("/").until("hi");
  await (await connect()).send("PUT / HTTP/1.1\r\nHost: a\r\n\r\n").until("hi");
  assert.deepEqual(linesOf(target.heads.at(-1)), ["PUT / HTTP/1.1", "content-length: 0"]);
  const chunked = "5\r\nhello\r\n0\r\n\r\n";
  const client = await connect();
  client.send(`DELETE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`);
  await target.until(`\r\n\r\n${chunked}`);
  assert.deepEqual(linesOf(target.heads.at(-1)), ["DELETE / HTTP/1.1", "transfer-encoding: chunked"]);
});

test("proxy: a client that expects 100 Continue sends its body when the target wants it", async (t) => {
  const { target, app } = await proxied(t, (socket) => {
    sendTo(socket, "HTTP/1.1 100 Continue\n\n");
    socket.on("data", (data) => void (data.includes("hello") && sendTo(socket, HI)));
  });
  const { connect } = await start(t, app);
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  await client.until("HTTP/1.1 100 Continue\r\n\r\n");
  assert.match(target.heads[0] as string, /^expect: 100-continue\r$/m);
  assert.doesNotMatch(target.received, /hello/);
  await client.send("hello").until("hi");
});

test("proxy: a client that expects 100 Continue is not asked for a body that the target refuses", async (t) => {
  const { target, app } = await proxied(t, "HTTP/1.1 413 Too Large\nContent-Length: 0\n\n");
  const { connect } = await start(t, app);
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  assert.match(await client.all(), /^HTTP\/1\.1 413 Too Large\r\n/);
  await target.untilLeft();
});

test("proxy: a target that answers before it has read the body is heard", async (t) => {
  const { target, app } = await proxied(t, (socket) => {
    socket.pause();
    sendTo(socket, "HTTP/1.1 413 Too Large\nContent-Length: 3\n\nno!");
  });
  const { connect } = await start(t, app);
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n").send("x".repeat(100_000));
  await client.until("no!");
  await client.all();
  for (const socket of target.open) socket.resume();
  await target.untilLeft();
});

test("proxy: speaks to Unix sockets", async (t) => {
  const path = join(tmpdir(), `tsgi-proxy-${process.pid}.sock`);
  const { connect, server } = await start(
    t,
    (environ, startResponse) => {
      startResponse("200 OK", []);
      return `${environ.PATH_INFO} for ${environ.HTTP_X_FORWARDED_FOR}`;
    },
    { unix: path } as never,
  );
  assert.ok(connect);
  assert.match(server.url, /^unix:/);
  assert.equal(await (await request(proxy(`unix:${path}:/base`), "/x")).text(), "/base/x for 127.0.0.1");
});

test("proxy: speaks to ::1", async (t) => {
  const server = createServer((_request, response) => response.end("six"));
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "::1", resolve).once("error", () => resolve()));
  t.after(() => server.close());
  if (!server.listening) return t.skip("no IPv6");
  const { port } = server.address() as AddressInfo;
  assert.equal(await (await request(proxy(`http://[::1]:${port}`), "/")).text(), "six");
});

test("proxy: verifies certificates", async (t) => {
  const issuer = new Authority("/CN=test");
  const { key, cert } = issuer.issue({ names: ["localhost"] });
  const { server } = await start(
    t,
    (environ, startResponse) => {
      startResponse("200 OK", []);
      return `secret for ${environ.SSL_TLS_SNI}`;
    },
    { tls: { key, cert } },
  );
  const url = `https://localhost:${server.port}`;
  const log: string[] = [];
  const environ = { "tsgi.errors": { write: (text: string) => void log.push(text) } };
  assert.equal((await request(proxy(url), "/", { environ })).status, 502);
  assert.match(log.join(""), /untrusted \(tls\)/);
  assert.equal(
    await (await request(proxy(url, { tls: { ca: issuer.cert }, host: "other.example" }), "/")).text(),
    "secret for localhost",
  );
});

test("proxy: a slow reader makes the target wait", async (t) => {
  const piece = Buffer.alloc(65_536);
  let taken = 0;
  const { app } = await proxied(t, (socket) => {
    sendTo(socket, "HTTP/1.1 200 OK\nContent-Length: 300000000\n\n");
    const write = (): void => {
      while (taken < 300_000_000 && socket.write(piece)) taken += piece.length;
    };
    socket.on("drain", write);
    write();
  });
  const { connect } = await start(t, app);
  const client = await connect();
  client.socket.pause();
  client.get("/");
  for (let before = -1; taken === 0 || before !== taken; await new Promise((resolve) => setTimeout(resolve, 50)))
    before = taken;
  // What fits into the buffers of four sockets.
  assert.ok(taken < 30_000_000, `${taken} bytes were taken`);
});

for (const [framing, how] of [
  ["Content-Length: 900000000\r\n\r\n", "with a length"],
  // Trailers go by another transport.
  ["Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n35a4e900\r\n", "with trailers"],
] as const) {
  test(`proxy: a target that does not read a body ${how} makes the client wait`, async (t) => {
    const { app } = await proxied(t, (socket) => socket.pause());
    const { connect } = await start(t, app);
    const client = await connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}`);
    const piece = Buffer.alloc(1_000_000);
    let written = 0;
    while (written < 200 && client.socket.write(piece)) written++;
    for (let turn = 0; turn < 20; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (client.socket.writableLength === 0 && written < 200) {
        client.socket.write(piece);
        written++;
        turn = 0;
      }
    }
    // What fits into the buffers of four sockets.
    assert.ok(written < 60, `${written} MB were taken`);
  });
}

test("proxy: works behind fromNode's and the other way round", async (t) => {
  const server = createServer((incoming, response) => {
    response.setHeader("X-Got", incoming.headers["x-forwarded-prefix"] ?? "");
    incoming.pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const app = dispatcher(notFound, { "/m": proxy(`http://127.0.0.1:${port}`) });
  const body = "x".repeat(100_000);
  const response = await request(app, "/m/x", { method: "POST", body });
  assert.equal(response.headers.get("X-Got"), "/m");
  assert.equal(await response.text(), body);
});

test("proxy: a client's connection is kept after a request with a body", async (t) => {
  let connections = 0;
  const url = await echo(t, () => connections++);
  const app = proxy(url);
  const { connect } = await start(t, app);
  const client = await connect();
  for (let index = 0; index < 3; index++) {
    client.clear();
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").until("hello");
  }
  client.clear();
  await client
    .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    .until("hello");
  assert.equal(client.end, undefined);
  assert.equal(connections, 1);
});

test("proxy: connections are not kept where that is asked for", async (t) => {
  const { target, app } = await proxied(t, HI, { keepAliveTimeout: 0 });
  for (let index = 0; index < 2; index++) assert.equal(await (await request(app, "/")).text(), "hi");
  assert.equal(target.connections, 2);
  await target.untilLeft();
});

test("proxy: works under toFetch, for bodies that do not tell their length", async (t) => {
  const handler = toFetch(proxy(await echo(t)));
  const body = new Blob(["hello"]).stream();
  const init = { method: "POST", body, duplex: "half" };
  assert.equal(await (await handler(new Request("http://a/", init as RequestInit))).text(), "hello");
  assert.equal(await (await handler(new Request("http://a/"))).text(), "");
});

test("proxy: works for clients of HTTP/2", async (t) => {
  const { app, target } = await proxied(t, HI);
  const { server } = await start(t, app, { http2: true });
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  t.after(() => session.destroy());
  const stream = session.request({ ":path": "/x", cookie: ["a=1", "b=2"], te: "trailers" });
  let body = "";
  for await (const part of stream) body += part;
  assert.equal(body, "hi");
  assert.deepEqual(linesOf(target.heads[0]), ["GET /x HTTP/1.1", "cookie: a=1; b=2", "TE: trailers"]);
  assert.match(target.heads[0] as string, /^Via: 2\.0 p\r$/m);
});

test("proxy: targets and options are checked", () => {
  for (const target of [
    "",
    "localhost:3000",
    "ftp://a",
    "http://",
    "http://u:p@a",
    "http://a#b",
    "unix:relative",
    "http:a",
    5,
  ]) {
    assert.throws(() => proxy(target as string), { code: "TSGI_BAD_TARGET" }, String(target));
  }
  assert.throws(() => proxy("http://a", { headTimeOut: 5 } as never), { code: "TSGI_BAD_OPTION" });
  for (const options of [
    { trust: ["nobody"] },
    { trust: ["10.0.0.0/33"] },
    { host: "a b" },
    { via: "a b" },
    { connections: 0 },
  ]) {
    assert.throws(() => proxy("http://a", options), { code: "TSGI_BAD_OPTION" }, JSON.stringify(options));
  }
});

test("proxy: defaults are what the documentation says", () => {
  for (const [file, settings] of [
    ["proxy/options.ts", Object.assign({}, ...Object.values(settingsOf({})))],
    ["balancer/ejection.ts", ejectionSettings({})],
  ] as const) {
    const source = readFileSync(join(root, "middleware", file), "utf8");
    const documented = [...source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+(\w+)\?: number/g)];
    assert.ok(documented.length > 4);
    for (const [, comment = "", name = ""] of documented) {
      const [, value = ""] = /Default ([\d ]*\d)/.exec(comment) ?? [];
      const key = name === "maxResponseHead" ? "maxHeadSize" : name;
      assert.equal(settings[key], Number(value.replace(" ", "")), name);
    }
  }
});

test("proxy: passes lint as an app", async (t) => {
  const { app } = await proxied(t, HI);
  assert.equal(await transcript(lint(app), "/"), "200 OK\ncontent-length: 2\nvia: 1.1 p\n\nhi");
});

test("proxy: each rule of a proxy and a balancer is held by tests that are there, or refused with a reason", async () => {
  const folder = join(root, "test/middleware");
  const files = readdirSync(folder, { recursive: true }).filter((file) =>
    /^(?:proxy|balancer|mirror|failover)\b.*\.ts$/.test(String(file)),
  );
  const titles = new Set(files.flatMap((file) => titlesIn(readFileSync(join(folder, String(file)), "utf8"))));
  const reasons = readFileSync(join(root, "CONTRIBUTING.md"), "utf8").replace(/\s+/g, " ");
  for (const [number, [rule, ...held]] of Object.entries(RULES)) {
    assert.ok(held.length > 0, `${number}: ${rule}`);
    for (const each of held) {
      const [, reason] = /^not: (.*)$/.exec(each) ?? [];
      const isThere = reason === undefined ? titles.has(each) : reasons.includes(`- **${reason}`);
      assert.ok(isThere, `${number}, ${rule}: ${each}`);
    }
  }
  for (let number = 1; number <= 100; number++) assert.ok(number in RULES, String(number));
});
