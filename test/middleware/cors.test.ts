import assert from "node:assert/strict";
import { test } from "node:test";
import { cors } from "../../middleware/cors.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { seen } from "../support/file-tree.ts";

const ORIGIN = ["Origin", "https://elsewhere.example"] as const;
const READABLE = { "access-control-allow-origin": "*", "access-control-expose-headers": "*" };
const TEXT = { "content-type": "text/plain; charset=utf-8" };
const app = cors(text("hello"));

const ANN = "https://ann.example";
const ann = { origins: [ANN], credentials: true, methods: ["GET", "PUT"] };

/** GHSA-q7jf-gf43-6x6p of Hono: `Vary` was copied from the request. */
test("cors: nothing of the request gets into Vary, and that of the app stays", async () => {
  const varying = cors(text("hello", { headers: [["Vary", "Accept"]] }), ann);
  const headers = { Origin: ANN, Vary: "Evil" };
  assert.equal((await request(varying, "/", { headers })).headers.get("vary"), "Accept, Origin");
});

test("cors: a response may be read by pages of every origin", async () => {
  for (const headers of [[], [ORIGIN]]) {
    assert.deepEqual(await seen(await request(app, "/", { headers })), {
      status: 200,
      headers: { ...TEXT, ...READABLE, "content-length": "5" },
      body: "hello",
    });
  }
});

test("cors: an error may be read, too", async () => {
  assert.deepEqual(await seen(await request(cors(notFound), "/", { headers: [ORIGIN] })), {
    status: 404,
    headers: { ...TEXT, ...READABLE, "content-length": "10" },
    body: "Not Found\n",
  });
});

test("cors: a response that replaces another is readable as well", async () => {
  const failing: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    startResponse("503 Service Unavailable", [], new Error("too late"));
    return "sorry";
  };
  const response = await request(cors(failing), "/");
  assert.deepEqual([response.status, response.headers.get("access-control-allow-origin")], [503, "*"]);
});

test("cors: a preflight is answered without the app", async () => {
  const unasked = cors(() => {
    throw new Error("asked");
  });
  const headers = [ORIGIN, ["Access-Control-Request-Method", "GET"]] as const;
  assert.deepEqual(await seen(await request(unasked, "/", { method: "OPTIONS", headers })), {
    status: 204,
    headers: {
      "access-control-allow-headers": "*, Authorization",
      "access-control-allow-methods": "GET, HEAD",
      "access-control-allow-origin": "*",
      "access-control-max-age": "7200",
    },
    body: "",
  });
});

for (const [what, method, headers] of [
  ["OPTIONS without an origin", "OPTIONS", [["Access-Control-Request-Method", "GET"]]],
  ["OPTIONS without a method that is asked for", "OPTIONS", [ORIGIN]],
  ["GET with the headers of a preflight", "GET", [ORIGIN, ["Access-Control-Request-Method", "GET"]]],
] as const) {
  test(`cors: ${what} goes to the app`, async () => {
    assert.equal(await (await request(app, "/", { method, headers })).text(), "hello");
  });
}

test("cors: headers of the app stay", async () => {
  const own = cors(text("hello", { headers: [["X-Own", "own"]] }));
  assert.equal((await request(own, "/")).headers.get("x-own"), "own");
});

const asked = (origin: string, more: Record<string, string> = {}) => ({
  method: "OPTIONS",
  headers: { Origin: origin, "Access-Control-Request-Method": "PUT", ...more },
});

test("cors: an origin in the list may read, any other may not, and caches know", async () => {
  const get = async (headers: Record<string, string>) =>
    (await seen(await request(cors(text("hello"), ann), "/", { headers }))).headers;
  const plainly = { ...TEXT, "content-length": "5", vary: "Origin" };
  const may = { "access-control-allow-credentials": "true", "access-control-allow-origin": ANN };
  assert.deepEqual(await get({ Origin: ANN }), { ...plainly, ...may });
  for (const Origin of [
    "https://ann.example.attacker.example",
    "http://ann.example",
    "null",
    "https://ANN.example",
    "",
  ]) {
    assert.deepEqual(await get({ Origin }), plainly, Origin);
  }
  assert.deepEqual(await get({}), plainly);
});

test("cors: a preflight with credentials names what is asked for, as an asterisk would not do", async () => {
  const options = asked(ANN, { "Access-Control-Request-Headers": "content-type,x-own" });
  assert.deepEqual(await seen(await request(cors(notFound, ann), "/", options)), {
    status: 204,
    headers: {
      "access-control-allow-credentials": "true",
      "access-control-allow-headers": "content-type,x-own",
      "access-control-allow-methods": "GET, PUT",
      "access-control-allow-origin": ANN,
      "access-control-max-age": "7200",
      vary: "Origin",
    },
    body: "",
  });
  const odd = asked(ANN, { "Access-Control-Request-Headers": "a b" });
  assert.equal((await request(cors(notFound, ann), "/", odd)).headers.get("access-control-allow-headers"), null);
});

test("cors: a preflight of an origin that may not is a 204 that allows nothing", async () => {
  const answer = { status: 204, headers: { vary: "Origin" }, body: "" };
  assert.deepEqual(await seen(await request(cors(notFound, ann), "/", asked("https://eve.example"))), answer);
});

test("cors: pages without an origin have to be listed", async () => {
  const allowed = async (origins: string[]) =>
    (await request(cors(app, { origins }), "/", { headers: { Origin: "null" } })).headers.get(
      "access-control-allow-origin",
    );
  assert.deepEqual([await allowed([ANN]), await allowed([ANN, "null"])], [null, "null"]);
});

test("cors: a function decides by the origin, by true alone", async () => {
  const deciding = cors(text(""), { origins: (origin) => origin.endsWith(".example") || ("yes" as never) });
  const allowed = async (Origin: string) =>
    (await request(deciding, "/", { headers: { Origin } })).headers.get("access-control-allow-origin");
  assert.deepEqual([await allowed(ANN), await allowed("https://ann.test")], [ANN, null]);
});

test("cors: a function cannot give credentials to pages without an origin", async () => {
  const everybody = { origins: () => true };
  const allowed = async (credentials: boolean) =>
    (await request(cors(text(""), { ...everybody, credentials }), "/", { headers: { Origin: "null" } })).headers.get(
      "access-control-allow-origin",
    );
  assert.deepEqual([await allowed(true), await allowed(false)], [null, "null"]);
});

test("cors: a private network is opened only where the option says so", async () => {
  const options = asked(ANN, { "Access-Control-Request-Private-Network": "true" });
  const opened = async (privateNetwork: boolean) =>
    (await request(cors(notFound, { privateNetwork }), "/", options)).headers.get(
      "access-control-allow-private-network",
    );
  assert.deepEqual([await opened(false), await opened(true)], [null, "true"]);
});

test("cors: headers that are listed are the only ones", async () => {
  const listed = cors(text(""), { allowHeaders: ["X-In"], exposeHeaders: ["X-Out"], maxAge: 5 });
  const { headers } = await request(listed, "/", asked(ANN));
  assert.deepEqual([headers.get("access-control-allow-headers"), headers.get("access-control-max-age")], ["X-In", "5"]);
  assert.equal((await request(listed, "/")).headers.get("access-control-expose-headers"), "X-Out");
});

test("cors: what the app says of it is replaced, not joined", async () => {
  const own = text("", { headers: [["Access-Control-Allow-Origin", "https://other.example"]] });
  assert.equal((await request(cors(own), "/")).headers.get("access-control-allow-origin"), "*");
  const twice = cors(cors(text(""), ann), { origins: ["https://other.example"] });
  assert.equal(
    (await request(twice, "/", { headers: { Origin: ANN } })).headers.get("access-control-allow-origin"),
    null,
  );
});

test("cors: wrong options throw when the app is built", () => {
  for (const options of [
    { credentials: true },
    { credentials: true, origins: [ANN, "null"] },
    { origins: ["*"] },
    { origins: ["ann.example"] },
    { origins: [`${ANN}/`] },
    { methods: ["GET, PUT"] },
    { allowHeaders: ["a b"] },
    { maxAge: -1 },
    { origin: ANN },
  ]) {
    assert.throws(() => cors(app, options as never), { code: "TSGI_BAD_OPTION" });
  }
});
