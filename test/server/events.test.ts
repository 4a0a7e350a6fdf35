import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { execFileSync } from "node:child_process";
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { App, Environ } from "../../src/gateway.ts";
import type { ServeOptions } from "../../src/server/serve.ts";
import { aWhile, eventually, HELLO, hello, type RawClient, start, wire } from "../support/raw-client.ts";

/** A message of any of the channels. */
interface Message {
  readonly environ?: Environ;
  readonly head?: string;
  readonly isComplete?: boolean;
  readonly error?: unknown;
  readonly address?: string;
  readonly status?: string;
  readonly received?: Uint8Array;
}

const CHANNELS = ["start", "head", "end", "error", "refused"];

/** The events until the test is over: the end of the channel's name, and the message. */
function listening(t: TestContext): [name: string, message: Message][] {
  const events: [string, Message][] = [];
  for (const name of CHANNELS) {
    const listen = (message: unknown) => {
      const { received } = message as Message;
      // What was received stays as it is during the call only.
      const kept = received === undefined ? {} : { received: Buffer.from(received) };
      events.push([name, { ...(message as Message), ...kept }]);
    };
    subscribe(`tsgi.request.${name}`, listen);
    t.after(() => unsubscribe(`tsgi.request.${name}`, listen));
  }
  return events;
}

const names = (events: readonly (readonly [string, Message])[]): string[] =>
  events.map(([name, { isComplete }]) => (isComplete === undefined ? name : `${name} ${isComplete}`));

/** What one exchange tells: a client does its part, and the exchange ends. */
async function told(
  t: TestContext,
  app: App,
  act: (client: RawClient) => unknown,
  options?: ServeOptions,
): Promise<[string, Message][]> {
  const events = listening(t);
  const { connect } = await start(t, app, options);
  await act(await connect());
  await eventually(() => events.some(([name]) => name === "end" || name === "refused"));
  await aWhile();
  return events;
}

test("events: start, head and end of a good request, with the environ of the outermost app", async (t) => {
  let given: Environ | undefined;
  const app: App = (environ, startResponse) => {
    given = environ;
    return hello(environ, startResponse);
  };
  const events = await told(t, app, (client) => client.get("/x").until("hello"));
  assert.deepEqual(names(events), ["start", "head", "end true"]);
  for (const [, { environ }] of events) assert.equal(environ, given);
  assert.equal(events[1]?.[1].head?.replace(/Date: .*\r\n/, ""), HELLO.slice(0, -5));
});

test("events: start comes before the app, head with the first chunk, end after the last", async (t) => {
  const order: string[] = [];
  for (const name of ["start", "head", "end"]) {
    const note = () => order.push(name);
    subscribe(`tsgi.request.${name}`, note);
    t.after(() => unsubscribe(`tsgi.request.${name}`, note));
  }
  const { connect } = await start(t, async function* (_environ, startResponse) {
    order.push("app");
    startResponse("200 OK", []);
    order.push("started");
    yield "a";
    order.push("between");
    yield "b";
    order.push("last");
  });
  await (await connect()).get("/").until("0\r\n\r\n");
  assert.deepEqual(order, ["start", "app", "started", "head", "between", "last", "end"]);
});

test("events: requests of one connection in turn, each with its own environ", async (t) => {
  const events = await told(t, hello, (client) => client.get("/1").get("/2").get("/3").until(HELLO.repeat(3)));
  assert.deepEqual(
    events.map(([name, { environ }]) => `${name} ${environ?.PATH_INFO}`),
    ["/1", "/2", "/3"].flatMap((path) => [`start ${path}`, `head ${path}`, `end ${path}`]),
  );
});

test("events: HEAD has the head of GET, and is complete", async (t) => {
  const events = await told(t, hello, (client) => client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").until("\r\n\r\n"));
  assert.deepEqual(names(events), ["start", "head", "end true"]);
  assert.match(events[1]?.[1].head as string, /Content-Length: 5\r\n/);
});

test("events: an error before the head comes before that of the 500, which is complete", async (t) => {
  const error = new Error("early");
  const app: App = () => {
    throw error;
  };
  const events = await told(t, app, (client) => client.get("/").until("Error\n"));
  assert.deepEqual(names(events), ["start", "error", "head", "end true"]);
  assert.equal(events[1]?.[1].error, error);
  assert.match(events[2]?.[1].head as string, /^HTTP\/1\.1 500 /);
});

test("events: an error after the head leaves the response incomplete", async (t) => {
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "begun";
    throw new Error("later");
  };
  const events = await told(t, app, (client) => client.get("/").all());
  assert.deepEqual(names(events), ["start", "head", "error", "end false"]);
});

test("events: a body that is shorter than it says is incomplete, one that is longer is cut and complete", async (t) => {
  const says = (length: number): App => {
    return (_environ, startResponse) => {
      startResponse("200 OK", [["Content-Length", String(length)]]);
      return "12345";
    };
  };
  const shorter = await told(t, says(9), (client) => client.get("/").all());
  assert.deepEqual(names(shorter), ["start", "head", "error", "end false"]);
  const longer = await told(t, says(3), (client) => client.get("/").until("123"));
  assert.deepEqual(names(longer), ["start", "head", "error", "end true"]);
});

for (const [what, begins] of [
  ["amid its response", true],
  ["before its response", false],
] as const) {
  test(`events: the response of a client that leaves ${what} is incomplete, and no error`, async (t) => {
    let isAsked = false;
    const app: App = async (environ, startResponse) => {
      isAsked = true;
      const left = new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
      if (begins) {
        startResponse("200 OK", []);
        return (async function* () {
          yield "begun";
          await left;
        })();
      }
      await left;
    };
    const events = await told(t, app, async (client) => {
      client.get("/");
      if (begins) await client.until("begun");
      else await eventually(() => isAsked);
      client.socket.resetAndDestroy();
    });
    assert.deepEqual(names(events), begins ? ["start", "head", "end false"] : ["start", "end false"]);
  });
}

test("events: an event stream that a closing server ends is complete", async (t) => {
  const events = listening(t);
  const { server, connect } = await start(t, async function* (environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/event-stream"]]);
    yield "data: 1\n\n";
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
  });
  const client = await connect();
  await client.get("/").until("data: 1");
  await server.close({ linger: 0 });
  assert.deepEqual(names(events), ["start", "head", "end true"]);
});

test("events: what a closing server cuts is incomplete", async (t) => {
  const events = listening(t);
  const { server, connect } = await start(t, () => new Promise(() => {}));
  const client = await connect();
  client.get("/");
  await eventually(() => events.length === 1);
  await server.close({ linger: 0, grace: 0 });
  assert.deepEqual(names(events), ["start", "end false"]);
});

test("events: a connection that is taken over ends complete, without a head", async (t) => {
  const app: App = (environ) => {
    const socket = environ["tsgi.exchange"].upgrade?.() as Duplex;
    socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  };
  const events = await told(t, app, (client) => client.get("/", "Connection: upgrade", "Upgrade: x").all());
  assert.deepEqual(names(events), ["start", "end true"]);
});

test("events: informational responses are none", async (t) => {
  const app: App = (environ, startResponse) => {
    environ["tsgi.exchange"].inform?.("103 Early Hints", [["Link", "</a.css>; rel=preload"]]);
    return hello(environ, startResponse);
  };
  const events = await told(t, app, (client) => client.get("/").until("hello"));
  assert.deepEqual(names(events), ["start", "head", "end true"]);
});

for (const [what, sent, status] of [
  ["that is none", "no request\r\n\r\n", "400 Bad Request"],
  ["with two hosts", wire("GET / HTTP/1.1\nHost: a\nHost: b\n\n"), "400 Bad Request"],
  ["with a malformed host", wire("GET /x HTTP/1.1\nHost: a b\nX-One: 1\n\n"), "400 Bad Request"],
  ["with a malformed target", wire("GET /%zz HTTP/1.1\nHost: a\n\n"), "400 Bad Request"],
  ["of another version", wire("GET / HTTP/2.0\nHost: a\n\n"), "505 HTTP Version Not Supported"],
] as const) {
  test(`events: a request ${what} is refused, and has no other event`, async (t) => {
    const events = await told(t, hello, (client) => client.send(sent).all());
    assert.deepEqual(events, [["refused", { address: "127.0.0.1", status, received: Buffer.from(sent) }]]);
  });
}

test("events: a request that does not come in time is refused with what has come", async (t) => {
  const events = await told(t, hello, (client) => client.send("GET / HT").all(), { headersTimeout: 50 });
  assert.deepEqual(events, [
    ["refused", { address: "127.0.0.1", status: "408 Request Timeout", received: Buffer.from("GET / HT") }],
  ]);
});

test("events: a malformed body is the error of the app that reads it", async (t) => {
  const app: App = async (environ, startResponse) => {
    for await (const _ of environ["tsgi.input"]);
    return hello(environ, startResponse);
  };
  const events = await told(t, app, (client) =>
    client.send(wire("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\nnonsense\n")).all(),
  );
  assert.deepEqual(names(events), ["start", "head", "end true"]);
  assert.match(events[1]?.[1].head as string, /^HTTP\/1\.1 400 /);
});

test("events: an error of onError's own is not an event, and one after the end is", async (t) => {
  const app: App = (environ, startResponse) => {
    setTimeout(() => environ["tsgi.exchange"].report?.(new Error("late")), 1);
    return hello(environ, startResponse);
  };
  const onError = () => {
    throw new Error("the handler's");
  };
  const events = await told(t, app, (client) => client.get("/").until("hello"), { onError });
  assert.deepEqual(names(events), ["start", "head", "end true", "error"]);
  assert.equal((events[3]?.[1].error as Error | undefined)?.message, "late");
});

test("events: over the life of a server that is treated badly, each start has one end", async (t) => {
  const events = listening(t);
  const app: App = async function* (environ, startResponse) {
    startResponse("200 OK", []);
    yield "begun";
    await aWhile();
    if (environ.PATH_INFO === "/fails") throw new Error("fails");
    yield "y".repeat(300_000);
  };
  const { connect } = await start(t, app, { bodyTimeout: 50 });
  const clients = await Promise.all(Array.from({ length: 12 }, connect));
  for (const [index, client] of clients.entries()) {
    client.get(index % 3 === 0 ? "/fails" : "/").get("/next");
    if (index % 4 === 1) client.until("begun").then(() => client.socket.resetAndDestroy());
    if (index % 4 === 2) client.socket.end();
    if (index % 4 === 3) client.socket.pause();
  }
  const count = (name: string) => events.filter(([each]) => each === name).length;
  await eventually(() => count("start") >= 12 && count("start") === count("end"));
  await aWhile();
  const environs = (name: string) => events.flatMap(([each, { environ }]) => (each === name ? [environ] : []));
  assert.equal(new Set(environs("end")).size, count("end"));
  assert.deepEqual(new Set(environs("end")), new Set(environs("start")));
});

test("events: what a subscriber throws is an uncaught exception, and the response is sent", () => {
  const program = `
    import { subscribe } from "node:diagnostics_channel";
    import { serve, text } from "./src/index.ts";
    const thrown = [];
    process.on("uncaughtException", (error) => thrown.push(error.message));
    for (const name of ["start", "head", "end", "error", "refused"]) {
      subscribe("tsgi.request." + name, () => { throw new Error(name); });
    }
    const server = await serve(text("hello"), { port: 0, errors: { write() {} } });
    const answer = await (await fetch(server.url)).text();
    await server.close({ linger: 0 });
    console.log(answer + ": " + thrown.join(" "));
  `;
  const printed = execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", program], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    encoding: "utf8",
  });
  assert.equal(printed, "hello: start head end\n");
});

test("events: a store that is bound to the start is that of the app, of its body and of nothing else", async (t) => {
  const storage = new AsyncLocalStorage<string>();
  const starts = channel("tsgi.request.start");
  starts.bindStore(storage, (message) => (message as { environ: Environ }).environ.PATH_INFO);
  t.after(() => starts.unbindStore(storage));
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield `${storage.getStore()} `;
    await new Promise(setImmediate);
    yield `${storage.getStore()}.`;
  };
  const { connect } = await start(t, app);
  const client = await connect();
  client.get("/a").get("/b", "Connection: close");
  const received = await client.all();
  assert.deepEqual(received.match(/\/[ab][ .]/g), ["/a ", "/a.", "/b ", "/b."]);
  assert.equal(storage.getStore(), undefined);
});
