import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { pathToRun } from "../../support/compiled.ts";

const { Request: PlatformRequest, Response: PlatformResponse } = globalThis;
const { fromFetch } = await import("../../../src/adapters/from-fetch.ts");
const { request } = await import("../../../src/testing.ts");
type FetchHandler = import("../../../src/adapters/from-fetch.ts").FetchHandler;

// A class that was there before the globals were replaced.
class EarlyRequest extends PlatformRequest {}
const early: FetchHandler = (request) => new Response(new EarlyRequest(request).url);

fromFetch(() => new Response(), { globals: true });

/** A second copy of the package, as when two versions are installed. */
const folder = await mkdtemp(join(tmpdir(), "tsgi-copy-"));
after(() => rm(folder, { recursive: true }));
const source = pathToRun(fileURLToPath(new URL("../../../src/adapters/from-fetch.ts", import.meta.url)));
await cp(join(source, "../.."), join(folder, "src"), { recursive: true });
const copied = pathToFileURL(join(folder, "src/adapters", basename(source))).href;
const copy = (await import(copied)) as typeof import("../../../src/adapters/from-fetch.ts");

async function told(handler: FetchHandler, make = fromFetch, globals = true): Promise<string> {
  return (await request(make(handler, { globals }), "/a?b", { method: "POST", body: "hello" })).text();
}

test("globals: requests keep their constructor, name and instances", () => {
  const made = new Request("http://a/");
  assert.deepEqual(
    [
      made.constructor === Request,
      Request.name,
      Request.length,
      made instanceof Request,
      made.clone() instanceof Request,
    ],
    [true, "Request", PlatformRequest.length, true, true],
  );
  assert.ok(new PlatformRequest("http://a/") instanceof Request);
  assert.equal(fetch.name, "fetch");
});

test("globals: handlers get lazy requests where something has replaced them, unless they are not to", async () => {
  const constructors: unknown[] = [];
  for (const globals of [undefined, true, false]) {
    const app = fromFetch(
      (request) => {
        constructors.push(request.constructor);
        return new Response();
      },
      globals === undefined ? {} : { globals },
    );
    await request(app, "/");
  }
  assert.deepEqual(constructors, [Request, Request, PlatformRequest]);
  assert.equal(await told(early, fromFetch, false), "http://localhost/a?b");
});

for (const [what, read] of [
  ["read", (request) => request.text()],
  ["copied", (request) => new Request(request).text()],
  ["copied with more", (request) => new Request(request, { headers: { "X-A": "1" } }).text()],
  ["given to a class that extends Request", (request) => new (class extends Request {})(request).text()],
] as [string, (request: Request) => Promise<string>][]) {
  test(`globals: a lazy request can be ${what}, of one copy of tsgi or of another`, async () => {
    const handler: FetchHandler = async (request) => {
      assert.equal(request.constructor, Request);
      return new Response(await read(request));
    };
    assert.equal(await told(handler), "hello");
    assert.equal(await told(handler, copy.fromFetch), "hello");
    assert.equal(await told(handler, copy.fromFetch, false), "hello");
  });
}

test("globals: a second copy of tsgi replaces nothing again, and knows the responses of the first", async () => {
  const { Request, Response, fetch } = globalThis;
  const app = copy.fromFetch(() => new Response("hi"), { globals: true });
  assert.deepEqual([globalThis.Request, globalThis.Response, globalThis.fetch], [Request, Response, fetch]);
  assert.equal(await (await request(app, "/")).text(), "hi");
});

test("globals: with a fetch that somebody else has put there, handlers get requests of the platform", async (t) => {
  const { fetch } = globalThis;
  const apps = [early, (request: Request) => globalThis.fetch(request)].map((handler) =>
    fromFetch(handler, { globals: true }),
  );
  t.after(() => {
    globalThis.fetch = fetch;
  });
  globalThis.fetch = (async (input: Request) => new Response(new PlatformRequest(input).url)) as typeof fetch;
  for (const app of apps) assert.equal(await (await request(app, "/a?b")).text(), "http://localhost/a?b");
});

test("globals: what inspect shows of requests and responses has their class", async () => {
  await told((request) => {
    assert.match(inspect(request), /^Request \{/);
    assert.match(inspect(new Response("a")), /^Response \{/);
    return new Response("a");
  });
});

test("globals: a response that was looked at is sent as it was made", async () => {
  const answer = await request(
    fromFetch(
      () => {
        const made = new Response("hi", { status: 201, headers: { "X-A": "1" } });
        inspect(made);
        made.headers.set("X-A", "2");
        return made;
      },
      { globals: true },
    ),
    "/",
  );
  assert.deepEqual(
    [answer.status, answer.headers.get("x-a"), answer.headers.get("content-length"), await answer.text()],
    [201, "2", "2", "hi"],
  );
});

for (const [what, make, expected] of [
  [
    "a subclass",
    () => {
      class Teapot extends Response {
        override get status(): number {
          return 418;
        }
      }
      return new Teapot("a");
    },
    418,
  ],
  ["a property", () => Object.defineProperty(new Response("a"), "status", { value: 403 }), 403],
  ["a response of the platform's", () => new PlatformResponse("a", { status: 202 }), 202],
] as [string, () => Response, number][]) {
  test(`globals: a status that ${what} has is what is sent`, async () => {
    const answer = await request(fromFetch(make, { globals: true }), "/");
    assert.deepEqual([answer.status, await answer.text()], [expected, "a"]);
  });
}

test("globals: a stream that is read after its response was made is not sent", async () => {
  const app = fromFetch(
    async () => {
      const stream = new Blob(["abc"]).stream();
      const made = new Response(stream);
      const reader = stream.getReader();
      await reader.read();
      reader.releaseLock();
      return made;
    },
    { globals: true },
  );
  await assert.rejects(request(app, "/"), { code: "TSGI_BAD_RESPONSE" });
});

test("globals: a response that is returned a second time is refused", async () => {
  const kept = new Response("a");
  const app = fromFetch(() => kept, { globals: true });
  assert.equal(await (await request(app, "/")).text(), "a");
  await assert.rejects(request(app, "/"), { code: "TSGI_BAD_RESPONSE" });
});
