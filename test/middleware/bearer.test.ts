import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { exportJWK, type JWTPayload, SignJWT } from "jose";
import { type BearerOptions, bearer, claimsOf } from "../../middleware/bearer.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";
import { allOwned } from "../support/unowned.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const secret = new TextEncoder().encode("a secret of 32 bytes, or of more");

const ISSUER = "https://id.example";
const AUDIENCE = "https://api.example";
const OPTIONS: BearerOptions = {
  keys: rsa.publicKey,
  algorithms: ["RS256"],
  issuer: ISSUER,
  audience: AUDIENCE,
};

const who: App = (environ, startResponse) => {
  const { AUTH_TYPE, REMOTE_USER } = environ;
  return text(`${REMOTE_USER} by ${AUTH_TYPE}: ${claimsOf(environ)?.email}`)(environ, startResponse);
};

interface Signing {
  readonly key?: KeyObject | Uint8Array;
  readonly alg?: string;
  readonly header?: object;
}

const seconds = (): number => Math.floor(Date.now() / 1000);

/** A token that is good, except for what is changed; undefined takes a claim out. */
function sign(claims: JWTPayload = {}, { key = rsa.privateKey, alg = "RS256", header = {} }: Signing = {}) {
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: "ann", exp: seconds() + 60, email: "ann@site.example", ...claims };
  for (const [name, value] of Object.entries(payload)) {
    if (value === undefined) delete (payload as Record<string, unknown>)[name];
  }
  return new SignJWT(payload).setProtectedHeader({ alg, ...header }).sign(key);
}

const encode = (value: object | string): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A token as somebody writes it who does not mind rules. */
const forged = (header: object, claims: object, sign: (text: string) => string): string => {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${sign(signed)}`;
};

const ask = async (authorization: string | undefined, app: App = bearer(who, OPTIONS)) =>
  seen(await request(app, "/", { headers: authorization === undefined ? {} : { Authorization: authorization } }));
const withToken = (token: string, app?: App) => ask(`Bearer ${token}`, app);
const statusOf = async (token: string, app?: App): Promise<number> => (await withToken(token, app)).status;

const challenge = (more = ""): Record<string, string> => ({ "www-authenticate": `Bearer realm="Restricted"${more}` });
const INVALID = plain(
  401,
  "Unauthorized\n",
  challenge(', error="invalid_token", error_description="the token is not valid here"'),
);
const MALFORMED = plain(400, "Bad Request\n", challenge(', error="invalid_request"'));
const GOOD = plain(200, "ann by Bearer: ann@site.example");

const unasked: App = () => assert.fail("asked");

const CLAIMS = { iss: ISSUER, aud: AUDIENCE, sub: "ann", exp: 9_999_999_999 };
const spki = rsa.publicKey.export({ type: "spki", format: "pem" });
const hmac = (key: string | Uint8Array) => (signed: string) =>
  createHmac("sha256", key).update(signed).digest("base64url");

/** CVE-2026-22817 and CVE-2026-22818 of Hono: the algorithm was taken from the token. */
test("bearer: no algorithm that was not allowed counts, whatever the token says", async () => {
  const app = bearer(unasked, OPTIONS);
  const jwk = await exportJWK(rsa.publicKey);
  for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
    for (const signature of ["", "x", encode("none")]) {
      assert.deepEqual(
        await withToken(
          forged({ alg }, CLAIMS, () => signature),
          app,
        ),
        INVALID,
        alg + signature,
      );
    }
  }
  // The public key as the secret of an HMAC: in each form that libraries have taken it in.
  for (const key of [
    spki,
    `${spki}`.trim(),
    JSON.stringify(jwk),
    jwk.n as string,
    Buffer.from(jwk.n as string, "base64url"),
  ]) {
    for (const alg of ["HS256", "RS256"]) {
      assert.deepEqual(await withToken(forged({ alg }, CLAIMS, hmac(key as string)), app), INVALID, alg);
    }
  }
  for (const alg of ["RS384", "RS512", "PS256"]) {
    assert.deepEqual(await withToken(await sign({}, { alg }), app), INVALID, alg);
  }
});

test("bearer: who has a good token is the user of the app", async () => {
  assert.deepEqual(await withToken(await sign()), GOOD);
  assert.deepEqual(await ask(`bEARER   ${await sign()}`), GOOD);
});

for (const [what, header] of [
  ["no header", undefined],
  ["another scheme", "Basic YW5uOnNlY3JldA=="],
  ["a scheme that begins as its own", "Bearers abc"],
] as const) {
  test(`bearer: a request with ${what} is asked for a token, and no error is named`, async () => {
    assert.deepEqual(await ask(header, bearer(unasked, OPTIONS)), plain(401, "Unauthorized\n", challenge()));
  });
}

for (const [what, header] of [
  ["nothing after the scheme", "Bearer"],
  ["two tokens", "Bearer abc def"],
  ["two in a list", "Bearer abc, Bearer def"],
  ["a character that no token has", "Bearer a\u00e4b"],
  ["more than any token", `Bearer ${"a".repeat(9000)}`],
] as const) {
  test(`bearer: a request with ${what} is malformed`, async () => {
    assert.deepEqual(await ask(header, bearer(unasked, OPTIONS)), MALFORMED);
  });
}

test("bearer: a key that the token brings is not believed", async () => {
  const jwk = await exportJWK(other.publicKey);
  const x5c = [other.publicKey.export({ type: "spki", format: "der" }).toString("base64")];
  for (const header of [
    { jwk },
    { jku: "https://evil.example/jwks.json" },
    { x5c },
    { x5u: "https://evil.example/" },
    { kid: "../../dev/null" },
  ]) {
    assert.deepEqual(await withToken(await sign({}, { key: other.privateKey, header })), INVALID);
  }
});

for (const [what, claims] of Object.entries<JWTPayload>({
  "another issuer": { iss: "https://id.example/" },
  "no issuer": { iss: undefined as never },
  "another audience": { aud: "https://other.example" },
  "other audiences": { aud: ["https://other.example", "https://third.example"] },
  "no audience": { aud: undefined as never },
  "no end": { exp: undefined as never },
  "an end that is not a number": { exp: "9999999999" as never },
  "a beginning that is to come": { nbf: 9_999_999_998 },
  "a user that would end the line of a log": { sub: "ann\nroot" },
  "a user that is not a text": { sub: ["ann"] as never },
})) {
  test(`bearer: a token with ${what} is not valid`, async () => {
    const token = forged({ alg: "HS256" }, { ...CLAIMS, ...claims }, hmac(secret));
    const app = bearer(unasked, { ...OPTIONS, keys: secret, algorithms: ["HS256"] });
    assert.deepEqual(await withToken(token, app), INVALID);
  });
}

test("bearer: one that has expired is told so", async () => {
  assert.deepEqual(
    await withToken(await sign({ exp: seconds() - 60 })),
    plain(401, "Unauthorized\n", challenge(', error="invalid_token", error_description="the token has expired"')),
  );
});

test("bearer: no change of a token counts, also where the token is remembered", async () => {
  const app = bearer(who, OPTIONS);
  const token = await sign();
  assert.equal(await statusOf(token, app), 200);
  const [header = "", payload = "", signature = ""] = token.split(".");
  const bytes = Buffer.from(signature, "base64url");
  bytes[10] = (bytes[10] as number) ^ 1;
  const root = encode(Buffer.from(payload, "base64url").toString().replace("ann", "eve"));
  for (const changed of [
    `${header}.${root}.${signature}`,
    `${header}.${payload}.${bytes.toString("base64url")}`,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${header}..${signature}`,
    `${token}.x`,
    header,
    "....",
    `${encode("[]")}.${payload}.${signature}`,
    `${encode("null")}.${payload}.${signature}`,
    `${encode({ alg: "RS256", crit: ["exp"], exp: 1 })}.${payload}.${signature}`,
    `${encode({ alg: "RS256", crit: ["b64"], b64: false })}.${payload}.${signature}`,
  ]) {
    assert.deepEqual(await withToken(changed, app), INVALID, changed);
  }
  assert.equal(await statusOf(token, app), 200);
});

test("bearer: a token is verified once, until it expires", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000_000 });
  let asked = 0;
  const keys = async () => {
    asked++;
    return rsa.publicKey;
  };
  const app = bearer(who, { ...OPTIONS, keys, clockTolerance: 0 });
  const token = await sign({ exp: 1_000_060 });
  const at = async (milliseconds: number, each = app) => {
    context.mock.timers.setTime(1_000_000_000 + milliseconds);
    return [await statusOf(token, each), asked];
  };
  assert.deepEqual(await at(0), [200, 1]);
  assert.deepEqual(await at(59_999), [200, 1]);
  assert.deepEqual(await at(60_000), [401, 2]);
  const shortly = bearer(who, { ...OPTIONS, keys, remember: 1000 });
  assert.deepEqual(
    [await at(0, shortly), await at(999, shortly), await at(1000, shortly)],
    [
      [200, 3],
      [200, 3],
      [200, 4],
    ],
  );
  const never = bearer(who, { ...OPTIONS, keys, remember: 0 });
  assert.deepEqual(
    [await at(0, never), await at(0, never)],
    [
      [200, 5],
      [200, 6],
    ],
  );
});

test("bearer: what is remembered of a token cannot be changed by one request for the next", async () => {
  const app = bearer((environ, startResponse) => {
    const claims = claimsOf(environ) as { roles: string[] };
    assert.throws(() => claims.roles.push("admin"), TypeError);
    return text(claims.roles.join())(environ, startResponse);
  }, OPTIONS);
  const token = await sign({ roles: ["user"] });
  for (const _turn of [1, 2]) assert.equal((await withToken(token, app)).body, "user");
});

for (const [what, claims, isAllowed] of [
  ["has all scopes as a text", { scope: "c b a" }, true],
  ["has them as a list", { scp: ["a", "b"] }, true],
  ["has a part of them", { scope: "a" }, false],
  ["has longer ones", { scope: "ab b" }, false],
  ["has none", {}, false],
  ["has something else", { scope: 5 }, false],
] as const) {
  test(`bearer: one that ${what} ${isAllowed ? "is let in" : "is not enough"}`, async () => {
    const response = await withToken(await sign(claims), bearer(who, { ...OPTIONS, scope: ["a", "b"] }));
    const refused = plain(403, "Forbidden\n", challenge(', error="insufficient_scope", scope="a b"'));
    assert.deepEqual(response, isAllowed ? GOOD : refused);
  });
}

test("bearer: a type, and algorithms of other kinds of keys", async () => {
  const typed = bearer(who, { ...OPTIONS, type: "at+jwt" });
  assert.equal(await statusOf(await sign({}, { header: { typ: "at+jwt" } }), typed), 200);
  assert.equal(await statusOf(await sign({}, { header: { typ: "JWT" } }), typed), 401);
  assert.equal(await statusOf(await sign(), typed), 401);
  const ofSecret = bearer(who, { keys: secret, algorithms: ["HS256"] });
  assert.equal(await statusOf(await sign({}, { key: secret, alg: "HS256" }), ofSecret), 200);
  const both: BearerOptions = { ...OPTIONS, algorithms: ["RS256", "ES256"] };
  assert.equal(await statusOf(await sign({}, { key: ec.privateKey, alg: "ES256" }), bearer(who, both)), 401);
  assert.equal(
    await statusOf(await sign({}, { key: ec.privateKey, alg: "ES256" }), bearer(who, { ...both, keys: ec.publicKey })),
    200,
  );
});

/** A server of keys, which counts how often it is asked. */
const served = { keys: [] as object[], asked: 0, status: 200 };
const server = createServer((_request, response) => {
  served.asked++;
  response.writeHead(served.status, { "Content-Type": "application/json" }).end(JSON.stringify({ keys: served.keys }));
}).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
after(() => {
  server.closeAllConnections();
  server.close();
});
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
const asJson = async (key: KeyObject, kid: string): Promise<object> => ({
  ...(await exportJWK(key)),
  kid,
  alg: "RS256",
});

test("bearer: keys of a URL are loaded once, and again for a new one, but not for each that nobody knows", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 2_000_000_000_000 });
  Object.assign(served, { keys: [await asJson(rsa.publicKey, "one")], asked: 0, status: 200 });
  const app = bearer(who, { ...OPTIONS, keys: url });
  const one = (claims = {}) => sign(claims, { header: { kid: "one" } });
  const two = () => sign({}, { key: other.privateKey, header: { kid: "two" } });
  assert.equal(served.asked, 0);
  assert.deepEqual(
    [await statusOf(await one(), app), await statusOf(await one({ a: 1 }), app), served.asked],
    [200, 200, 1],
  );
  for (let turn = 0; turn < 5; turn++) assert.deepEqual(await withToken(await two(), app), INVALID);
  assert.equal(served.asked, 1);
  // The issuer rotates.
  served.keys = [await asJson(other.publicKey, "two")];
  context.mock.timers.tick(31_000);
  assert.deepEqual([await statusOf(await two(), app), served.asked], [200, 2]);
  assert.equal(await statusOf(await one({ exp: seconds() + 600, b: 1 }), app), 401);
  assert.equal(served.asked, 2);
});

test("bearer: of several keys that a token may mean, any will do", async () => {
  const bare = async (key: KeyObject): Promise<object> => ({ ...(await exportJWK(key)), alg: "RS256" });
  const app = bearer(who, { ...OPTIONS, keys: { keys: [await bare(other.publicKey), await bare(rsa.publicKey)] } });
  assert.equal(await statusOf(await sign(), app), 200);
  const third = generateKeyPairSync("rsa", { modulusLength: 2048 });
  assert.deepEqual(await withToken(await sign({}, { key: third.privateKey }), app), INVALID);
});

for (const [what, status, keys] of [
  ["fails", 500, []],
  ["sends what is not a key set", 200, "none"],
  ["sends more than any key set", 200, [await asJson(rsa.publicKey, "one"), { kty: "RSA", n: "x".repeat(2 ** 20) }]],
] as const) {
  test(`bearer: where the server of keys ${what}, who is not remembered gets a 503, and it is reported once`, () =>
    allOwned(async () => {
      Object.assign(served, { keys: [await asJson(rsa.publicKey, "one")], asked: 0, status: 200 });
      const good = bearer(who, { ...OPTIONS, keys: url });
      const token = await sign({}, { header: { kid: "one" } });
      assert.equal(await statusOf(token, good), 200);
      Object.assign(served, { keys, asked: 0, status });
      assert.equal(await statusOf(token, good), 200);
      const app = bearer(who, { ...OPTIONS, keys: url });
      const headers = { Authorization: `Bearer ${token}` };
      const first = await request(app, "/", { headers });
      assert.match(first.errors, /^GET \/: TsgiError: the keys of bearer cannot be had/);
      assert.deepEqual(await seen(first), plain(503, "Service Unavailable\n", { "retry-after": "1" }));
      const second = await request(app, "/", { headers });
      assert.deepEqual([second.status, second.errors, served.asked], [503, "", 1]);
      // What is no token needs no keys.
      assert.equal((await ask("Bearer ,", app)).status, 400);
    }));
}

test("bearer: wrong options throw when the app is built", () => {
  const { algorithms: _algorithms, ...noAlgorithms } = OPTIONS;
  for (const options of [
    {},
    noAlgorithms,
    { algorithms: ["RS256"] },
    { ...OPTIONS, algorithms: [] },
    { ...OPTIONS, algorithms: ["none"] },
    { ...OPTIONS, algorithms: ["RS256", "none"] },
    { ...OPTIONS, algorithms: ["RS256", "HS256"] },
    { ...OPTIONS, algorithms: ["HS256"] },
    { ...OPTIONS, algorithms: "RS256" },
    { ...OPTIONS, keys: secret },
    { ...OPTIONS, keys: { kty: "oct", k: "abc" } },
    { ...OPTIONS, keys: { keys: [] }, issuer: undefined },
    { ...OPTIONS, keys: url, audience: undefined },
    { ...OPTIONS, keys: url, algorithms: ["HS256"] },
    { ...OPTIONS, keys: "http://id.example/jwks.json" },
    { ...OPTIONS, keys: "http://localhost.evil.example/jwks.json" },
    { ...OPTIONS, keys: "file:///etc/passwd" },
    { ...OPTIONS, keys: "a secret" },
    { ...OPTIONS, audience: "" },
    { ...OPTIONS, issuer: [] },
    { ...OPTIONS, scope: 'a"b' },
    { ...OPTIONS, realm: 'a"b' },
    { ...OPTIONS, secret: "x" },
  ]) {
    assert.throws(() => bearer(who, options as never), { code: "TSGI_BAD_OPTION" }, JSON.stringify(options));
  }
});
