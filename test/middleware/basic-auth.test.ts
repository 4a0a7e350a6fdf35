import assert from "node:assert/strict";
import { test } from "node:test";
import { type BasicAuthOptions, basicAuth } from "../../middleware/basic-auth.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";

const REFUSED = plain(401, "Unauthorized\n", { "www-authenticate": 'Basic realm="Restricted", charset="UTF-8"' });
const who: App = (environ, startResponse) =>
  text(`${environ.REMOTE_USER} by ${environ.AUTH_TYPE}`)(environ, startResponse);
const users = { ann: "secret", bob: "pä:ss" };

const encode = (credentials: string): string => `Basic ${Buffer.from(credentials).toString("base64")}`;
const ask = async (authorization: string | undefined, options: BasicAuthOptions = { users }, app: App = who) =>
  seen(
    await request(basicAuth(app, options), "/", {
      headers: authorization === undefined ? [] : [["Authorization", authorization]],
    }),
  );

for (const [what, header] of [
  ["no header", undefined],
  ["another scheme", "Bearer abc"],
  ["nothing after the scheme", "Basic"],
  ["what is not base64", "Basic ann:secret"],
  ["bytes that are not UTF-8", `Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString("base64")}`],
  ["no colon", encode("annsecret")],
  ["a wrong password", encode("ann:Secret")],
  ["the beginning of the password", encode("ann:secre")],
  ["an empty password", encode("ann:")],
  ["a name that nobody has", encode("eve:secret")],
  ["a name of an object", encode("constructor:secret")],
  ["a name with a line end", encode("ann\n:secret")],
  ["two of them", `${encode("ann:secret")}, ${encode("ann:secret")}`],
  ["more than any password", `Basic ${"YWFh".repeat(2000)}`],
] as const) {
  test(`basicAuth: a request with ${what} is a 401, and the app is not asked`, async () => {
    const unasked: App = () => assert.fail("asked");
    assert.deepEqual(await ask(header, { users }, unasked), REFUSED);
  });
}

test("basicAuth: who knows the password is the user of the app, and the response private", async () => {
  const privately = (body: string) => plain(200, body, { "cache-control": "private" });
  assert.deepEqual(await ask(encode("ann:secret")), privately("ann by Basic"));
  assert.deepEqual(await ask(encode("bob:pä:ss").replace("Basic", "bAsIc")), privately("bob by Basic"));
});

test("basicAuth: a Cache-Control of the app stays", async () => {
  const app = text("hello", { headers: [["Cache-Control", "no-store"]] });
  assert.equal((await ask(encode("ann:secret"), { users }, app)).headers["cache-control"], "no-store");
});

test("basicAuth: verify decides, at once or later, by true alone", async () => {
  for (const [verdict, status] of [
    [true, 200],
    [false, 401],
    [Promise.resolve(true), 200],
    [Promise.resolve(false), 401],
    ["yes", 401],
    [{}, 401],
  ] as const) {
    const verify = (name: string, password: string) => (name === "a" && password === "b:c" ? verdict : "no") as boolean;
    assert.equal((await ask(encode("a:b:c"), { verify, realm: "Staff" })).status, status);
  }
  const failing = { verify: () => Promise.reject(new Error("directory")) };
  await assert.rejects(ask(encode("a:b"), failing), { message: "directory" });
});

test("basicAuth: wrong options throw when the app is built", () => {
  for (const options of [
    {},
    { users, verify: () => true },
    { users: { ann: "" } },
    { users: { "a:b": "c" } },
    { users: { ann: undefined } },
    { users, realm: 'a"b' },
    { users, realm: "a\r\nb" },
    { password: "x" },
  ]) {
    assert.throws(() => basicAuth(who, options as never), { code: "TSGI_BAD_OPTION" });
  }
});
