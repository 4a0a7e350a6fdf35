import assert from "node:assert/strict";
import { test } from "node:test";
import { cascade } from "../../middleware/cascade.ts";
import { lint } from "../../middleware/lint.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { eventually, HELLO, hello, start } from "../support/raw-client.ts";
import { bodyOf, transcript } from "../support/transcript.ts";

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

test("cascade: a body that is dropped is closed", async () => {
  let closes = 0;
  const streaming: App = async function* (_environ, startResponse) {
    startResponse("404 Not Found", []);
    try {
      yield "never sent";
    } finally {
      closes++;
    }
  };
  assert.equal(await bodyOf(cascade([lint(streaming), lint(text("next"))]), "/"), "next");
  assert.equal(closes, 1);
});

test("cascade: what closing a dropped body fails with is reported, and the next app answers", async (t) => {
  const chunks = ["never sent"].values();
  const refusing: App = (_environ, startResponse) => {
    startResponse("404 Not Found", []);
    return {
      [Symbol.iterator]: () => chunks,
      close() {
        throw new Error("in close");
      },
    } as Iterable<string>;
  };
  const { log, connect } = await start(t, cascade([refusing, hello]));
  const client = await connect();
  assert.equal(await client.get("/").until("hello"), HELLO);
  assert.match(log.join(""), /^GET \/: Error: in close\n/);
});

test("cascade: an error is an answer", async () => {
  const broken: App = () => {
    throw new Error("broken");
  };
  await assert.rejects(request(cascade([broken, text("x")]), "/"), /broken/);
});

test("cascade: an empty list and what is not an app throw when the app is built", () => {
  assert.throws(() => cascade([]), { code: "TSGI_NO_APP" });
  assert.throws(() => cascade([notFound, 1 as unknown as App]), { code: "TSGI_NO_APP" });
});

test("cascade: a stream that is passed on is finished once, at its end, on an error and when the client leaves", async () => {
  let finished = 0;
  const app: App = async function* (environ, startResponse) {
    startResponse("200 OK", []);
    try {
      yield "a";
      if (environ.PATH_INFO === "/error") throw new Error("inner");
      yield "b";
    } finally {
      finished++;
    }
  };
  const cascaded = cascade([notFound, lint(app), notFound]);
  assert.equal(await transcript(cascaded, "/"), "200 OK\n\nab");
  assert.equal(finished, 1);
  await assert.rejects(bodyOf(cascaded, "/error"), { message: "inner" });
  assert.equal(finished, 2);
  const response = await request(cascaded, "/");
  await (response.body as ReadableStream).cancel();
  await eventually(() => finished === 3);
  assert.equal(await transcript(cascaded, "/", { method: "HEAD" }), "200 OK\n\n");
  await eventually(() => finished === 4);
});

test("cascade: a body whose head is refused is finished", async () => {
  let finished = 0;
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    return { [Symbol.iterator]: () => ["a"][Symbol.iterator](), close: () => finished++ } as Iterable<string>;
  };
  const refused: App = (environ) =>
    cascade([app, notFound])(environ, () => {
      throw new Error("refused");
    });
  await assert.rejects(request(refused, "/"), { message: "refused" });
  assert.equal(finished, 1);
});

test("cascade: what was written with a refusal is dropped, and its writer ends", async () => {
  const events: string[] = [];
  const writing: App = async (_environ, startResponse) => {
    const write = startResponse("405 Method Not Allowed", [["Allow", "PUT"]]);
    try {
      await write("never ");
      await write("sent");
    } catch (error) {
      events.push((error as { code: string }).code);
    }
    events.push("ended");
  };
  assert.equal(await bodyOf(cascade([lint(writing), text("next")]), "/"), "next");
  await eventually(() => events.length > 1);
  assert.deepEqual(events, ["TSGI_CLIENT_GONE", "ended"]);
});

test("cascade: other refusals are answers", async () => {
  for (const status of ["400 Bad Request", "403 Forbidden", "410 Gone", "500 Internal Server Error"] as const) {
    assert.equal(
      (await request(cascade([text("x", { status }), text("next")]), "/")).status,
      Number(status.slice(0, 3)),
    );
  }
});

test("cascade: an error of the second app, later or in its stream, is the answer", async () => {
  const broken: App = async () => Promise.reject(new Error("broken"));
  await assert.rejects(request(cascade([notFound, broken, text("x")]), "/"), { message: "broken" });
  const never: App = function* () {};
  await assert.rejects(request(cascade([never, text("x")]), "/"), { code: "TSGI_NOT_STARTED" });
});

test("cascade: the last app is called as if it stood alone", async () => {
  let chunks = 0;
  const last: App = (_environ, startResponse) => {
    const write = startResponse("404 Not Found", []);
    void write("a");
    chunks++;
    return "b";
  };
  assert.equal(await transcript(cascade([notFound, last]), "/"), "404 Not Found\n\nab");
  assert.equal(chunks, 1);
});
