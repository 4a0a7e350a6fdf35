import assert from "node:assert/strict";
import { test } from "node:test";
import { text } from "../../src/apps.ts";
import { readForm, readJson } from "../../src/body/parsed.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";

const json: App = async (environ, startResponse) =>
  text(JSON.stringify(await readJson(environ, { limit: 20 })))(environ, startResponse);
const form: App = async (environ, startResponse) =>
  text(JSON.stringify([...(await readForm(environ, { limit: 20 }))]))(environ, startResponse);

const send = async (app: App, type: string | undefined, body: string | Uint8Array) => {
  const headers = type === undefined ? {} : { "Content-Type": type };
  const response = await request(app, "/", { method: "POST", headers, body: [body] });
  return response.text();
};
const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";
const MALFORMED = "400 Bad Request";
const UNSUPPORTED = "415 Unsupported Media Type";
const TOO_LARGE = "413 Content Too Large";

test("readJson: a body is its value", async () => {
  for (const type of [JSON_TYPE, "Application/JSON; charset=UTF-8", "application/problem+json"]) {
    assert.equal(await send(json, type, '{"a":"ä"}'), '{"a":"ä"}');
  }
});

test("readForm: a body is its fields", async () => {
  assert.equal(await send(form, FORM_TYPE, "a=x+y&b=%C3%A4&a="), '[["a","x y"],["b","ä"],["a",""]]');
  assert.equal(await send(form, FORM_TYPE, ""), "[]");
});

for (const [what, app, type, body, error] of [
  ["JSON cut short", json, JSON_TYPE, '{"a":', MALFORMED],
  ["nothing", json, JSON_TYPE, "", MALFORMED],
  ["JSON that is not UTF-8", json, JSON_TYPE, Uint8Array.of(0x22, 0xff, 0x22), MALFORMED],
  ["JSON of no type", json, undefined, "{}", UNSUPPORTED],
  ["JSON of a type that needs no preflight", json, "text/plain", "{}", UNSUPPORTED],
  ["JSON of a type that looks like it", json, "text/plain; x=application/json", "{}", UNSUPPORTED],
  ["JSON in another charset", json, "application/json; charset=utf-16", "{}", UNSUPPORTED],
  ["JSON over the limit", json, JSON_TYPE, `"${"x".repeat(20)}"`, TOO_LARGE],
  ["a form with half an escape", form, FORM_TYPE, "a=%4", MALFORMED],
  ["a form whose escapes are not UTF-8", form, FORM_TYPE, "a=%FF", MALFORMED],
  ["a form that is JSON", form, JSON_TYPE, "{}", UNSUPPORTED],
  ["a form with files", form, "multipart/form-data; boundary=x", "", UNSUPPORTED],
  ["a form over the limit", form, FORM_TYPE, `a=${"x".repeat(20)}`, TOO_LARGE],
] as const) {
  test(`${app === json ? "readJson" : "readForm"}: ${what} is a ${error.slice(0, 3)}`, async () => {
    assert.equal(await send(app, type, body), `${error}\n`);
  });
}

test("readJson: a rejection that nobody awaits ends nothing, and tells the reason", async () => {
  let message = "";
  const app: App = async (environ, startResponse) => {
    const dropped = readJson(environ);
    await dropped.catch((error: Error) => {
      message = error.message;
    });
    return text("fine")(environ, startResponse);
  };
  assert.equal(await send(app, JSON_TYPE, "{a}"), "fine");
  assert.match(message, /^the request body is not JSON: .*position 1/);
});
