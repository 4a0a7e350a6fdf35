import assert from "node:assert/strict";
import { test } from "node:test";

const Real = globalThis.Response;
const { fromFetch } = await import("../../../src/adapters/from-fetch.ts");

test("lazy response: it takes the place of the global one only where that is wanted", () => {
  const { Request, fetch } = globalThis;
  fromFetch(() => new Response());
  fromFetch(() => new Response(), { globals: false });
  assert.deepEqual([globalThis.Response, globalThis.Request, globalThis.fetch], [Real, Request, fetch]);
  fromFetch(() => new Response(), { globals: true });
  assert.notEqual(globalThis.Response, Real);
});

type Make = (Response: typeof Real) => unknown;

/** What is told of a response, or what it fails with. */
async function seen(make: Make, Response: typeof Real): Promise<unknown> {
  try {
    const made = await make(Response);
    if (!(made instanceof Response)) return made;
    const { status, statusText, ok, type, url, redirected, bodyUsed } = made;
    const facts = { status, statusText, ok, type, url, redirected, bodyUsed, headers: [...made.headers] };
    return { ...facts, text: await made.text(), usedThen: made.bodyUsed };
  } catch (error) {
    return (error as Error).name;
  }
}

const HEADERS = { "X-A": " 1 ", "Content-Type": "text/x" };

for (const [what, make] of [
  ["nothing", (Response) => new Response()],
  ["null", (Response) => new Response(null)],
  ["text", (Response) => new Response("täxt")],
  ["bytes", (Response) => new Response(new Uint8Array([104, 105]))],
  ["a number", (Response) => new Response(5 as unknown as string)],
  ["an object of headers", (Response) => new Response("a", { headers: HEADERS })],
  [
    "a list of headers",
    (Response) =>
      new Response("a", {
        headers: [
          ["Set-Cookie", "a"],
          ["Set-Cookie", "b"],
          ["X", "1"],
          ["x", "2"],
        ],
      }),
  ],
  ["Headers", (Response) => new Response("a", { headers: new Headers(HEADERS) })],
  ["a status", (Response) => new Response("a", { status: 404, statusText: "Gone Fishing" })],
  ["a status that is none", (Response) => new Response("a", { status: 99 })],
  ["a status that is too large", (Response) => new Response("a", { status: 600 })],
  ["a status in words", (Response) => new Response("a", { status: "201" as unknown as number })],
  ["a reason that is none", (Response) => new Response("a", { statusText: "a\nb" })],
  ["a body where there may be none", (Response) => new Response("a", { status: 204 })],
  ["no body where there may be none", (Response) => new Response(null, { status: 304 })],
  ["a stream", (Response) => new Response(new Blob(["a", "b"]).stream())],
  ["a blob", (Response) => new Response(new Blob(["a"], { type: "text/b" }))],
  ["a form", (Response) => new Response(new URLSearchParams({ a: "b" }))],
  ["JSON", (Response) => Response.json({ a: 1 })],
  [
    "JSON with headers",
    (Response) => Response.json([1], { status: 201, headers: { "Content-Type": "text/json", X: "1" } }),
  ],
  ["JSON of nothing", (Response) => Response.json(undefined)],
  ["a redirect", (Response) => Response.redirect("http://a/")],
  ["an error", (Response) => Response.error()],
  ["a clone", (Response) => new Response("a", { headers: HEADERS }).clone()],
  [
    "headers that are changed later",
    (Response) => {
      const made = new Response("a");
      made.headers.set("X", "1");
      return made;
    },
  ],
  [
    "an object of headers that is changed later",
    (Response) => {
      const headers = { X: "1" };
      const made = new Response("a", { headers });
      headers.X = "2";
      return made;
    },
  ],
  [
    "bytes that are changed later",
    (Response) => {
      const bytes = new Uint8Array([104]);
      const made = new Response(bytes);
      bytes[0] = 0;
      return made;
    },
  ],
  [
    "headers changed after a look at the body",
    async (Response) => {
      const made = new Response("a");
      void made.body;
      made.headers.set("X", "1");
      return made;
    },
  ],
  [
    "reading twice",
    async (Response) => {
      const made = new Response("a");
      await made.text();
      await made.text();
    },
  ],
  ["a body of its own", async (Response) => new TextDecoder().decode(await new Response("abc").arrayBuffer())],
  [
    "a response of a response",
    (Response) => {
      const first = new Response("a", { status: 201, headers: HEADERS });
      return new Response(first.body, first);
    },
  ],
  [
    "what it is",
    (Response) => {
      const made = new Response("a");
      return [
        made instanceof Response,
        made.constructor === Response,
        `${made}`,
        new Real() instanceof Response,
        {} instanceof Response,
      ];
    },
  ],
  [
    "a class that extends it",
    async (Response) => {
      class Mine extends Response {
        own(): number {
          return this.status;
        }
      }
      const [simple, other] = [new Mine("a", { status: 201 }), new Mine(new Blob(["b"]))];
      return [
        simple.own(),
        other.own(),
        await simple.text(),
        await other.text(),
        simple instanceof Mine,
        new Response("a") instanceof Mine,
      ];
    },
  ],
] as [string, Make][]) {
  test(`lazy response: ${what} is what it is of the platform's`, async () => {
    assert.deepEqual(await seen(make, globalThis.Response), await seen(make, Real));
  });
}
