/** What the Fetch standard says of `Response`, after the cases of the Web Platform Tests, of the platform's and of the lazy one. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

const Platform = globalThis.Response;
const { fromFetch } = await import("../../../src/adapters/from-fetch.ts");
fromFetch(() => new Response(), { globals: true });
const Lazy = globalThis.Response;

type Make = (Response: typeof Platform) => unknown;

/** The value that a case gives, or the name of the error that it fails with. */
async function outcome(make: Make, Response: typeof Platform): Promise<unknown> {
  try {
    return await make(Response);
  } catch (error) {
    return `throws ${(error as Error).name}`;
  }
}

function streamOf(...chunks: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
}

const odd = (value: unknown) => value as never;
const DEFAULTS = ["default", "", false, 200, true, "", null];

/** Title, code, and what it gives; without the third, whatever it gives on this platform. */
const CASES: [title: string, make: Make, expected?: unknown][] = [
  // Constructor: defaults and errors.
  [
    "a response without arguments has the defaults",
    (Response) => {
      const { type, url, redirected, status, ok, statusText, body } = new Response();
      return [type, url, redirected, status, ok, statusText, body];
    },
    DEFAULTS,
  ],
  ["an init of null is none", (Response) => new Response("a", odd(null)).status, 200],
  ["an init of undefined is none", (Response) => new Response("a", undefined).status, 200],
  ["an init that is not an object", (Response) => new Response("a", odd(5)), "throws TypeError"],
  ["an init that is text", (Response) => new Response("a", odd("x")), "throws TypeError"],
  ["a body of undefined is none", (Response) => new Response(undefined).body, null],
  ["an empty body is a body", async (Response) => (await new Response("").body?.getReader().read())?.done, true],
  ["a status below 200", (Response) => new Response(null, { status: 199 }), "throws RangeError"],
  ["a status of 0", (Response) => new Response(null, { status: 0 }), "throws RangeError"],
  ["a status of 100", (Response) => new Response(null, { status: 100 }), "throws RangeError"],
  ["a status above 599", (Response) => new Response(null, { status: 600 }), "throws RangeError"],
  ["a status that wraps around to 200", (Response) => new Response(null, { status: 65736 }).status],
  ["a status with a fraction", (Response) => new Response(null, { status: 200.9 }).status],
  ["a status in digits", (Response) => new Response(null, { status: odd("404") }).status, 404],
  ["a status of null", (Response) => new Response(null, { status: odd(null) }), "throws RangeError"],
  ["a status that is undefined is 200", (Response) => new Response(null, { status: odd(undefined) }).status, 200],
  ["a statusText with a line end", (Response) => new Response(null, { statusText: "\n" }), "throws TypeError"],
  ["a statusText beyond Latin-1", (Response) => new Response(null, { statusText: "\u0100" }), "throws TypeError"],
  ["a statusText of Latin-1", (Response) => new Response(null, { statusText: "caf\u00e9" }).statusText, "caf\u00e9"],
  ["a statusText of null", (Response) => new Response(null, { statusText: odd(null) }).statusText, "null"],
  ["a statusText with a tab", (Response) => new Response(null, { statusText: "a\tb" }).statusText, "a\tb"],
  // Null body statuses.
  ...[204, 205, 304].flatMap((status): [string, Make, unknown][] => [
    [`a body where ${status} has none`, (Response) => new Response("a", { status }), "throws TypeError"],
    [`an empty body where ${status} has none`, (Response) => new Response("", { status }), "throws TypeError"],
    [`a stream where ${status} has none`, (Response) => new Response(streamOf("a"), { status }), "throws TypeError"],
    [`no body where ${status} has none`, (Response) => new Response(null, { status }).status, status],
  ]),
  // Headers.
  ["a header name with a space", (Response) => new Response("", { headers: { "a b": "c" } }), "throws TypeError"],
  ["an empty header name", (Response) => new Response("", { headers: { "": "c" } }), "throws TypeError"],
  ["a header value with a line end", (Response) => new Response("", { headers: { a: "b\nc" } }), "throws TypeError"],
  ["a header value with NUL", (Response) => new Response("", { headers: { a: "b\0c" } }), "throws TypeError"],
  ["a header value beyond Latin-1", (Response) => new Response("", { headers: { a: "\u0100" } }), "throws TypeError"],
  ["a pair of three", (Response) => new Response("", { headers: odd([["a", "b", "c"]]) }), "throws TypeError"],
  ["a pair of one", (Response) => new Response("", { headers: odd([["a"]]) }), "throws TypeError"],
  ["headers that are text", (Response) => new Response("", { headers: odd("a: b") }), "throws TypeError"],
  ["headers of null", (Response) => new Response("", { headers: odd(null) }), "throws TypeError"],
  [
    "white space around a header value is dropped, a no-break space is not",
    (Response) => new Response("", { headers: { a: " \t\r\nb\u00a0 " } }).headers.get("a"),
    "b\u00a0",
  ],
  ["a number as a header value", (Response) => new Response("", { headers: odd({ a: 5 }) }).headers.get("a"), "5"],
  [
    "headers of a generator",
    (Response) => {
      function* lines() {
        yield ["a", "b"];
        yield ["c", "d"];
      }
      return [...new Response(null, { headers: odd(lines()) }).headers];
    },
    [
      ["a", "b"],
      ["c", "d"],
    ],
  ],
  [
    "headers of a Map",
    (Response) => [...new Response(null, { headers: odd(new Map([["a", "b"]])) }).headers],
    [["a", "b"]],
  ],
  [
    "names in two cases are one header",
    (Response) => [...new Response(null, { headers: { A: "1", a: "2" } }).headers],
    [["a", "1, 2"]],
  ],
  [
    "a type of one's own is kept",
    (Response) => new Response("a", { headers: { "content-TYPE": "x/y" } }).headers.get("content-type"),
    "x/y",
  ],
  ["bytes have no type", (Response) => new Response(new Uint8Array([97])).headers.get("content-type"), null],
  [
    "headers are the same object each time",
    (Response) => {
      const made = new Response("a");
      const { headers } = made;
      return made.headers === headers;
    },
    true,
  ],
  ["headers of an error cannot be changed", (Response) => Response.error().headers.set("a", "b"), "throws TypeError"],
  [
    "headers of a redirect cannot be changed",
    (Response) => Response.redirect("http://a/").headers.set("a", "b"),
    "throws TypeError",
  ],
  [
    "headers of JSON can be changed",
    (Response) => {
      const made = Response.json(1);
      made.headers.set("a", "b");
      return made.headers.get("a");
    },
    "b",
  ],
  // Static methods.
  [
    "an error",
    (Response) => {
      const { type, status, statusText, body, ok } = Response.error();
      return [type, status, statusText, body, ok];
    },
    ["error", 0, "", null, false],
  ],
  ...[301, 302, 303, 307, 308].map((status): [string, Make, unknown] => [
    `a redirect with ${status}`,
    (Response) => {
      const made = Response.redirect("http://a/?b", status);
      return [made.status, made.headers.get("location"), made.body];
    },
    [status, "http://a/?b", null],
  ]),
  ["a redirect with 200", (Response) => Response.redirect("http://a/", 200), "throws RangeError"],
  ["a redirect to what is not a URL", (Response) => Response.redirect("http://:"), "throws TypeError"],
  [
    "JSON",
    async (Response) => {
      const made = Response.json({ a: "\u00e9" });
      return [made.status, made.headers.get("content-type"), await made.text()];
    },
    [200, "application/json", '{"a":"\u00e9"}'],
  ],
  ["JSON of a function", (Response) => Response.json(() => {}), "throws TypeError"],
  ["JSON of a symbol", (Response) => Response.json(Symbol("a")), "throws TypeError"],
  ["JSON that cannot be made", (Response) => Response.json(1n), "throws TypeError"],
  ["JSON with 204", (Response) => Response.json("a", { status: 204 }), "throws TypeError"],
  [
    "JSON with the init of a response",
    (Response) => {
      const made = Response.json(1, new Response(null, { status: 418, statusText: "x", headers: { "X-A": "b" } }));
      return [made.status, made.statusText, made.headers.get("x-a"), made.headers.get("content-type")];
    },
    [418, "x", "b", "application/json"],
  ],
  ["JSON with an init of null", (Response) => Response.json(1, odd(null)).status],
  ["a static method for an error is a Response", (Response) => Response.error() instanceof Response, true],
  // Bodies.
  [
    "reading marks the body used",
    async (Response) => {
      const made = new Response("a");
      const before = made.bodyUsed;
      const text = made.text();
      return [before, made.bodyUsed, await text];
    },
    [false, true, "a"],
  ],
  [
    "a null body is never used",
    async (Response) => {
      const made = new Response(null);
      return [await made.text(), made.bodyUsed, await made.text()];
    },
    ["", false, ""],
  ],
  [
    "a second read",
    async (Response) => {
      const made = new Response("a");
      await made.json().catch(() => {});
      return made.text();
    },
    "throws TypeError",
  ],
  [
    "a body is the same stream each time",
    (Response) => {
      const made = new Response("a");
      const { body } = made;
      return made.body === body;
    },
    true,
  ],
  [
    "a stream given is the stream of the body",
    (Response) => {
      const stream = streamOf("a");
      return new Response(stream).body === stream;
    },
    true,
  ],
  [
    "a stream that is locked",
    (Response) => {
      const stream = streamOf("a");
      stream.getReader();
      return new Response(stream);
    },
    "throws TypeError",
  ],
  [
    "a stream that was read",
    async (Response) => {
      const stream = streamOf("a", "b");
      const reader = stream.getReader();
      await reader.read();
      reader.releaseLock();
      return new Response(stream);
    },
    "throws TypeError",
  ],
  [
    "a stream that is read later marks the body used",
    async (Response) => {
      const stream = streamOf("a", "b");
      const made = new Response(stream);
      const reader = stream.getReader();
      await reader.read();
      reader.releaseLock();
      return made.bodyUsed;
    },
    true,
  ],
  [
    "a body that is locked cannot be read",
    (Response) => {
      const made = new Response("a");
      made.body?.getReader();
      return made.text();
    },
    "throws TypeError",
  ],
  ["a view of a buffer", async (Response) => new Response(new Uint8Array([1, 97, 2]).subarray(1, 2)).text(), "a"],
  ["an ArrayBuffer", async (Response) => new Response(new Uint8Array([97]).buffer).text(), "a"],
  ["a DataView", async (Response) => new Response(new DataView(new Uint8Array([97]).buffer)).text(), "a"],
  ["half a surrogate pair", async (Response) => new Response("\ud800").text(), "\ufffd"],
  ["an object is its text", async (Response) => new Response(odd({})).text(), "[object Object]"],
  ["a symbol is not a body", (Response) => new Response(odd(Symbol("a"))), "throws TypeError"],
  ["a byte order mark is dropped", async (Response) => new Response("\ufeffa").text(), "a"],
  ["JSON that is malformed", (Response) => new Response("{").json(), "throws SyntaxError"],
  [
    "a form",
    async (Response) => {
      const form = await new Response(new URLSearchParams({ a: "b" })).formData();
      return [...form];
    },
    [["a", "b"]],
  ],
  ["the type of a blob", async (Response) => (await new Response("a").blob()).type, "text/plain;charset=utf-8"],
  // Clones.
  [
    "a clone has what its original has, and a body of its own",
    async (Response) => {
      const made = new Response("a", { status: 201, statusText: "x", headers: { "X-A": "b" } });
      const clone = made.clone();
      made.headers.set("X-A", "c");
      return [clone.status, clone.statusText, clone.headers.get("x-a"), await clone.text(), await made.text()];
    },
    [201, "x", "b", "a", "a"],
  ],
  ["a clone is a Response", (Response) => new Response("a").clone() instanceof Response, true],
  ["a clone has its constructor", (Response) => new Response("a").clone().constructor === Response, true],
  [
    "a clone of a body that was used",
    async (Response) => {
      const made = new Response("a");
      await made.text();
      return made.clone();
    },
    "throws TypeError",
  ],
  [
    "a clone of a body that is locked",
    (Response) => {
      const made = new Response(streamOf("a"));
      made.body?.getReader();
      return made.clone();
    },
    "throws TypeError",
  ],
  // The class.
  ["its name", (Response) => Response.name, "Response"],
  ["its length", (Response) => Response.length],
  ["the length of its methods", (Response) => [Response.json.length, Response.redirect.length, Response.error.length]],
  ["a call without new", (Response) => (Response as unknown as () => void)(), "throws TypeError"],
  ["its tag", (Response) => Object.prototype.toString.call(new Response()), "[object Response]"],
  ["its constructor", (Response) => new Response("a").constructor === Response, true],
  ["the constructor of a redirect", (Response) => Response.redirect("http://a/").constructor === Response, true],
  ["it is an instance of the platform's", (Response) => new Response("a") instanceof Platform, true],
  ["the platform's are its instances", (Response) => new Platform("a") instanceof Response, true],
  ["other objects are not", (Response) => Object.create(null) instanceof Response, false],
  ["what inspect shows", (Response) => inspect(new Response("a", { status: 201, headers: { "X-A": "b" } }))],
  ["what inspect begins with", (Response) => inspect(new Response("a")).slice(0, 9), "Response "],
  ["its keys", (Response) => Object.keys(new Response("a")), []],
  [
    "what for...in finds",
    (Response) => {
      const names: string[] = [];
      for (const name in new Response("a")) names.push(name);
      return names.sort();
    },
  ],
  ["a structured clone", (Response) => Object.keys(structuredClone(new Response("a")))],
  ["JSON of it", (Response) => JSON.stringify(new Response("a")), "{}"],
  [
    "a method can be assigned",
    async (Response) => {
      const made = new Response("a");
      made.text = async () => "mine";
      return made.text();
    },
    "mine",
  ],
  [
    "status cannot be assigned",
    (Response) => {
      (new Response("a") as { status: number }).status = 404;
    },
    "throws TypeError",
  ],
  [
    "a getter on what is not a response",
    (Response) => Reflect.get(Response.prototype, "status", {}),
    "throws TypeError",
  ],
  [
    "a class that extends it",
    async (Response) => {
      class Mine extends Response {
        override get status(): number {
          return 418;
        }
      }
      const mine = new Mine("a", { status: 201 });
      return [mine.status, mine.ok, mine instanceof Mine, new Response("a") instanceof Mine, await mine.text()];
    },
    [418, true, true, false, "a"],
  ],
];

for (const [title, make, expected] of CASES) {
  test(`Response: ${title}`, async () => {
    const actual = await outcome(make, Lazy);
    assert.deepEqual(actual, await outcome(make, Platform), "as the platform's");
    if (expected !== undefined) assert.deepEqual(actual, expected);
  });
}
