import assert from "node:assert/strict";
import { test } from "node:test";
import { cascade } from "../../middleware/cascade.ts";
import { lint } from "../../middleware/lint.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { bodyOf, transcript } from "../transcript.ts";

const notAllowed = text("no", { status: "405 Method Not Allowed", headers: [["Allow", "PUT"]] });

test("cascade: the first answer that is not 404 or 405 is sent", async () => {
  const late: App = async (environ, startResponse) => notFound(environ, startResponse);
  assert.equal(await bodyOf(cascade([notFound, late, notAllowed, text("third"), text("fourth")]), "/"), "third");
});

test("cascade: where all refuse, the last answers", async () => {
  assert.equal(
    await transcript(cascade([notFound, notAllowed]), "/"),
    "405 Method Not Allowed\nallow: PUT\ncontent-length: 2\ncontent-type: text/plain; charset=utf-8\n\nno",
  );
});

test("cascade: a body that is dropped is finished before the next app is asked", async () => {
  const events: string[] = [];
  const streaming: App = async function* (_environ, startResponse) {
    startResponse("404 Not Found", []);
    try {
      yield "never sent";
    } finally {
      events.push("finished");
    }
  };
  const next: App = (environ, startResponse) => {
    events.push("next");
    return text("next")(environ, startResponse);
  };
  assert.equal(await bodyOf(cascade([lint(streaming), lint(next)]), "/"), "next");
  assert.deepEqual(events, ["finished", "next"]);
});

test("cascade: an error is an answer", async () => {
  const broken: App = () => {
    throw new Error("broken");
  };
  await assert.rejects(request(cascade([broken, text("x")]), "/"), /broken/);
});

test("cascade: an empty list and what is no app throw when the app is built", () => {
  assert.throws(() => cascade([]), { code: "TSGI_NO_APP" });
  assert.throws(() => cascade([notFound, 1 as unknown as App]), { code: "TSGI_NO_APP" });
});
