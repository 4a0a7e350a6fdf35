import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type TestContext, test } from "node:test";
import type { App, Environ } from "../../../src/gateway.ts";
import { block, frame, get, HEADERS, pseudo } from "../../support/frames.ts";
import { ask, startHttp2 } from "../../support/http2-client.ts";
import { eventually, hello } from "../../support/raw-client.ts";

type Message = Record<string, unknown> & { environ?: Environ };

/** Listens to all channels until the test is over. */
function watch(t: TestContext): [channel: string, message: Message][] {
  const seen: [string, Message][] = [];
  for (const name of ["start", "head", "end", "error", "refused"]) {
    const onMessage = (message: unknown) => seen.push([name, message as Message]);
    subscribe(`tsgi.request.${name}`, onMessage);
    t.after(() => unsubscribe(`tsgi.request.${name}`, onMessage));
  }
  return seen;
}

test("events: of a request that is answered", async (t) => {
  const seen = watch(t);
  const { connect } = await startHttp2(t, hello);
  await ask(connect(), { ":path": "/seen" });
  assert.deepEqual(
    seen.map(([name, { environ, ...rest }]) => [name, environ?.REQUEST_URI, rest]),
    [
      ["start", "/seen", {}],
      [
        "head",
        "/seen",
        { head: "HTTP/2.0 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\n", status: 200 },
      ],
      ["end", "/seen", { isComplete: true }],
    ],
  );
});

test("events: of a request that fails", async (t) => {
  const seen = watch(t);
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "x";
    throw new Error("late");
  };
  const { connect } = await startHttp2(t, app);
  await ask(connect());
  assert.deepEqual(
    seen.map(([name, { isComplete }]) => [name, isComplete]),
    [
      ["start", undefined],
      ["head", undefined],
      ["error", undefined],
      ["end", false],
    ],
  );
});

test("events: of a request whose client has left", async (t) => {
  const seen = watch(t);
  const { frames } = await startHttp2(t, () => new Promise(() => {}));
  const client = await frames();
  client.send(get(1));
  await eventually(() => seen.length === 1);
  client.socket.destroy();
  await eventually(() => seen.length === 2);
  assert.deepEqual([seen[1]?.[0], seen[1]?.[1].isComplete], ["end", false]);
});

test("events: of a head that is refused", async (t) => {
  const seen = watch(t);
  const { frames } = await startHttp2(t, hello);
  const client = await frames();
  client.send(frame(HEADERS, 5, 1, block(pseudo("GET", "/%zz"))));
  await client.body(1);
  assert.deepEqual(
    seen.map(([name, { received, ...rest }]) => [name, rest, Buffer.from(received as Uint8Array).toString()]),
    [
      [
        "refused",
        { address: "127.0.0.1", status: "400 Bad Request" },
        ":method: GET\r\n:scheme: http\r\n:path: /%zz\r\n:authority: a\r\n\r\n",
      ],
    ],
  );
});
