import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import {
  type CacheEntry,
  type CacheOptions,
  type CacheStore,
  cache,
  memoryCacheStore,
} from "../../middleware/cache.ts";
import { compress } from "../../middleware/compress.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { range } from "../../middleware/range.ts";
import { toFetch } from "../../src/adapters/to-fetch.ts";
import type { App, Body, Environ, HeaderList, StatusLine } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { eventually } from "../support/raw-client.ts";
import { transcript } from "../support/transcript.ts";
import { allOwned } from "../support/unowned.ts";

const NOW = Date.parse("Sun, 06 Nov 1994 08:49:37 GMT");
const LATER = "Sun, 06 Nov 1994 08:50:37 GMT";
const BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT";

/** Stops the clock, and gives what sets it forward by so many seconds. */
function clock(t: TestContext): (seconds: number) => void {
  t.mock.timers.enable({ apis: ["Date"], now: NOW });
  return (seconds) => t.mock.timers.tick(seconds * 1000);
}

interface Counted extends App {
  calls: Environ[];
}

/** An app that counts its calls: "1", "2", … */
function counting(
  headers: HeaderList | ((environ: Environ) => HeaderList) = [["Cache-Control", "max-age=60"]],
  make: (environ: Environ, call: number) => Body = (_environ, call) => String(call),
  status: StatusLine | ((environ: Environ, call: number) => StatusLine) = "200 OK",
): Counted {
  const calls: Environ[] = [];
  const app: App = (environ, startResponse) => {
    const call = calls.push(environ);
    const own = typeof headers === "function" ? headers(environ) : headers;
    startResponse(typeof status === "function" ? status(environ, call) : status, own);
    return make(environ, call);
  };
  return Object.assign(app, { calls });
}

async function ask(app: App, url = "/", options: RequestOptions = {}): Promise<[body: string, status: string | null]> {
  const response = await request(app, url, options);
  return [await response.text(), response.headers.get("Cache-Status")];
}

const get = async (app: App, url = "/", options: RequestOptions = {}): Promise<string> =>
  (await ask(app, url, options))[0];

/** What a client gets for two equal requests. */
async function twice(app: App, options?: RequestOptions): Promise<string> {
  return `${await get(app, "/", options)}${await get(app, "/", options)}`;
}

/** The response of a host, which an error that is reported does not fail. */
async function hosted(app: App, method = "GET", errors: string[] = []) {
  const handler = toFetch(app, { errors: { write: (written) => errors.push(written) } });
  return { response: await handler(new Request("http://localhost/", { method })), errors };
}

/** CVE-2026-44457 of Hono: one user got the page of another. */
test("cache: what varies by Cookie or Authorization is each user's own", async () => {
  for (const name of ["Cookie", "Authorization"]) {
    const app = cache(
      counting([
        ["Cache-Control", "public, max-age=60"],
        ["Vary", name],
      ]),
    );
    const by = (value: string) => get(app, "/", { headers: { [name]: value } });
    assert.deepEqual(
      [await by("user=ann"), await by("user=eve"), await get(app), await by("user=ann")],
      ["1", "2", "3", "1"],
    );
  }
});

// Poisoning: what one client sends must not decide what another one gets.

const reflecting = (read: (environ: Environ) => unknown): Counted =>
  counting(undefined, (environ, call) => `${call} ${read(environ)}`);

for (const name of [
  "Host",
  "X-Forwarded-Host",
  "X-Forwarded-Proto",
  "X-Forwarded-Port",
  "X-Forwarded-Prefix",
  "X-Forwarded-Server",
  "X-Forwarded-Scheme",
  "X-Forwarded-Protocol",
  "X-Original-Host",
  "X-Host",
  "X-HTTP-Host-Override",
  "Forwarded",
]) {
  test(`cache: what an app makes of ${name} is only for those who send the same`, async () => {
    const key = `HTTP_${name.toUpperCase().replaceAll("-", "_")}`;
    const app = cache(reflecting((environ) => environ[key as keyof Environ]));
    const value = name === "Forwarded" ? "host=evil.example" : "evil.example";
    const poisoned = await get(app, "/", { headers: { [name]: value } });
    assert.equal(poisoned, `1 ${value}`);
    assert.doesNotMatch(await get(app), /evil/);
    assert.equal(await get(app, "/", { headers: { [name]: value } }), poisoned);
  });
}

test("cache: an account under the name of a style sheet is nobody else's", async () => {
  for (const field of [undefined, "private, max-age=60", "no-store", "max-age=60, private"]) {
    const account = counting(() => (field === undefined ? [] : [["Cache-Control", field]]));
    const app = cache(account);
    for (const path of ["/account/x.css", "/account%2Fx.css", "/account;x.css", "/account/..%2Fx.css?x.js"]) {
      const first = await get(app, path, { headers: { Cookie: "user=1" } });
      assert.notEqual(await get(app, path), first);
    }
  }
});

test("cache: a query in another order, and a parameter twice, are other requests", async () => {
  const app = cache(reflecting((environ) => environ.QUERY_STRING));
  for (const query of ["a=1&b=2", "b=2&a=1", "a=1&a=2&b=2", "a=1;b=2", "A=1&b=2", "a=1&b=2&"]) {
    assert.match(await get(app, `/?${query}`), new RegExp(`^\\d ${query}$`));
  }
  assert.equal(await get(app, "/?a=1&b=2"), "1 a=1&b=2");
});

test("cache: no value makes the key of other values", async () => {
  const app = cache(
    counting([
      ["Cache-Control", "max-age=60"],
      ["Vary", "A, b"],
    ]),
  );
  const by = (headers: Record<string, string>) => get(app, "/", { headers });
  const values = [
    { A: "1", B: "2" },
    { A: "1 HTTP_B=2" },
    { A: "1", b: "" },
    { A: "1" },
    { B: "1" },
    { A: "", B: "1" },
    {},
  ];
  const answers: string[] = [];
  for (const headers of [...values, ...values] as Record<string, string>[]) answers.push(await by(headers));
  assert.equal(new Set(answers.slice(0, values.length)).size, values.length);
  assert.deepEqual(answers.slice(values.length), answers.slice(0, values.length));
});

test("cache: who the client is behind proxies does not make another response", async () => {
  const app = cache(reflecting(() => ""));
  for (const client of ["192.0.2.1", '"[2001:db8::1]:4711"', "_a"]) {
    assert.equal(await get(app, "/", { headers: { Forwarded: `for=${client};host=a.example, for=b;by=c` } }), "1 ");
  }
});

for (const name of [
  "X-HTTP-Method-Override",
  "X-HTTP-Method",
  "X-Method-Override",
  "X-Original-URL",
  "X-Rewrite-URL",
  "If-Match",
  "If-Unmodified-Since",
]) {
  test(`cache: a request with ${name} neither fills the cache nor is answered by it`, async () => {
    const app = cache(reflecting(() => ""));
    const options = { headers: { [name]: name.startsWith("If") ? LATER : "DELETE" } };
    assert.deepEqual(await ask(app, "/", options), ["1 ", "tsgi; fwd=bypass"]);
    assert.equal(await get(app), "2 ");
    assert.equal(await get(app, "/", options), "3 ");
  });
}

test("cache: a GET with content neither fills the cache nor is answered by it", async () => {
  const app = cache(reflecting((environ) => environ.CONTENT_LENGTH));
  assert.equal(await get(app, "/", { body: "x" }), "1 1");
  assert.equal(await get(app, "/"), "2 undefined");
  assert.equal(await get(app, "/", { body: Readable.from(["x"]) }), "3 undefined");
});

test("cache: another spelling of the target is another request, as an app may send it back", async () => {
  const app = cache(reflecting((environ) => environ.REQUEST_URI));
  assert.equal(await get(app, "/x/../a"), "1 /x/../a");
  assert.equal(await get(app, "/%61"), "2 /%61");
  assert.equal(await get(app, "/a"), "3 /a");
  assert.equal(await get(app, "/a?"), "4 /a?");
  assert.equal(await get(app, "/a"), "3 /a");
});

test("cache: the same path under another mount is another request", async () => {
  const inner = cache(reflecting((environ) => environ.SCRIPT_NAME));
  const app = dispatcher(inner, { "/a": inner, "/a/b": inner });
  assert.equal(await get(app, "/a/b/c"), "1 /a/b");
  assert.equal(await get(inner, "/a/b/c"), "2 ");
  assert.equal(await get(inner, "/b/c", { environ: { SCRIPT_NAME: "/a" } }), "3 /a");
  assert.equal(await get(app, "/a/b/c"), "1 /a/b");
});

test("cache: http and https are two responses", async () => {
  const app = cache(reflecting((environ) => environ["tsgi.url_scheme"]));
  assert.equal(await get(app, "https://a.example/"), "1 https");
  assert.equal(await get(app, "http://a.example/"), "2 http");
});

test("cache: a HEAD does not fill the cache, and is answered by what a GET has filled it with", async () => {
  const app = cache(counting());
  assert.equal(await get(app, "/", { method: "HEAD" }), "");
  assert.equal(await get(app), "2");
  const response = await request(app, "/", { method: "HEAD" });
  assert.deepEqual(
    [response.headers.get("Content-Length"), response.headers.get("Cache-Status"), await response.text()],
    ["1", "tsgi; hit; ttl=60", ""],
  );
});

test("cache: a part is not stored, and is not given to those who ask for the whole", async () => {
  const app = cache(range(counting([["Cache-Control", "max-age=60"]], () => "abcdef")));
  const headers = { Range: "bytes=0-1" };
  assert.equal(await get(app, "/", { headers }), "ab");
  assert.equal(await get(app), "abcdef");
  assert.equal(await get(range(app), "/", { headers }), "ab");
});

test("cache: no client hands its cookies on", async () => {
  const app = cache(
    counting([
      ["Cache-Control", "public, max-age=60"],
      ["Set-Cookie", "session=1"],
    ]),
  );
  assert.equal(await twice(app), "12");
});

for (const [what, options] of [
  ["Authorization", { headers: { Authorization: "Basic eDp5" } }],
  ["a user that a layer further out knows", { environ: { REMOTE_USER: "ann" } }],
  ["a client certificate", { environ: { SSL_CLIENT_VERIFY: "SUCCESS" } }],
] as const) {
  test(`cache: what a client with ${what} gets is stored only where that is allowed`, async () => {
    for (const [field, expected] of [
      ["max-age=60", "12"],
      ["public, max-age=60", "11"],
      ["s-maxage=60", "11"],
      ["max-age=60, must-revalidate", "11"],
    ] as const) {
      assert.equal(await twice(cache(counting([["Cache-Control", field]])), options), expected, field);
    }
  });
}

// Freshness (RFC 9111 §4.2) and what may be stored (§3).

for (const [field, expected] of [
  ["max-age=60", "11"],
  ["MAX-AGE=60", "11"],
  ["max-age = 60", "11"],
  ['max-age="60"', "11"],
  ["s-maxage=60", "11"],
  ["max-age=0, s-maxage=60", "11"],
  ["max-age=60, s-maxage=0", "12"],
  ["max-age=60, max-age=0", "12"],
  ["max-age=60, must-revalidate", "11"],
  ["max-age=60, proxy-revalidate", "11"],
  ["max-age=99999999999999999999", "11"],
  ["max-age=0", "12"],
  ["max-age=-1", "12"],
  ["max-age=6e1", "12"],
  ["max-age", "12"],
  ["max-age=60, Private", "12"],
  ['private="x-user, y", max-age=60', "12"],
  ["max-age=60, NO-STORE", "12"],
  ["max-age=60, no-cache", "12"],
  ['max-age=60, no-cache="set-cookie"', "12"],
  ["public", "12"],
  ["immutable", "12"],
  ['ext="no-store, private", max-age=60', "11"],
] as const) {
  test(`cache: Cache-Control: ${field} is ${expected === "11" ? "fresh" : "not fresh"} for all`, async () => {
    assert.equal(await twice(cache(counting([["Cache-Control", field]]))), expected);
  });
}

for (const [what, headers, expected] of [
  ["nothing said", [], "12"],
  ["a tag alone", [["ETag", '"a"']], "12"],
  ["a date alone, which is not guessed from", [["Last-Modified", "Sun, 06 Nov 1984 08:49:37 GMT"]], "12"],
  ["Expires", [["Expires", LATER]], "11"],
  ["Expires in the past", [["Expires", BEFORE]], "12"],
  ["Expires: 0", [["Expires", "0"]], "12"],
  ["a malformed Expires", [["Expires", "2050"]], "12"],
  [
    "max-age before Expires",
    [
      ["Expires", LATER],
      ["Cache-Control", "max-age=0"],
    ],
    "12",
  ],
  [
    "an age",
    [
      ["Age", "59"],
      ["Cache-Control", "max-age=60"],
    ],
    "11",
  ],
  [
    "an age that is too high",
    [
      ["Age", "60"],
      ["Cache-Control", "max-age=60"],
    ],
    "12",
  ],
  [
    "an old date",
    [
      ["Date", "Sun, 06 Nov 1994 08:40:00 GMT"],
      ["Cache-Control", "max-age=60"],
    ],
    "12",
  ],
  [
    "a part",
    [
      ["Content-Range", "bytes 0-0/2"],
      ["Cache-Control", "max-age=60"],
    ],
    "12",
  ],
  [
    "Vary: *",
    [
      ["Vary", "Accept, *"],
      ["Cache-Control", "max-age=60"],
    ],
    "12",
  ],
  [
    "a false length",
    [
      ["Content-Length", "2"],
      ["Cache-Control", "max-age=60"],
    ],
    undefined,
  ],
] as const satisfies readonly (readonly [string, HeaderList, string | undefined])[]) {
  test(`cache: ${what}`, async (t) => {
    clock(t);
    const app = counting(headers);
    if (expected !== undefined) return assert.equal(await twice(cache(app)), expected);
    const cached = cache(app);
    for (let turn = 0; turn < 2; turn++) await get(cached).catch(() => {});
    assert.equal(app.calls.length, 2);
  });
}

for (const [status, expected] of [
  ["404 Not Found", "11"],
  ["301 Moved Permanently", "11"],
  ["500 Internal Server Error", "12"],
  ["206 Partial Content", "12"],
] as const) {
  test(`cache: a ${status} with a lifetime is ${expected === "11" ? "" : "not "}stored`, async () => {
    assert.equal(await twice(cache(counting(undefined, undefined, status))), expected);
  });
}

test("cache: what a request with no-store has brought is not stored", async () => {
  assert.equal(await twice(cache(counting()), { headers: { "Cache-Control": "No-Store" } }), "12");
});

test("cache: a hit has the date it was made at, its age and what the cache did", async (t) => {
  const forward = clock(t);
  const app = cache(
    counting([
      ["Cache-Control", "max-age=60"],
      ["Cache-Status", "inner; hit"],
    ]),
  );
  assert.equal(
    await transcript(app, "/"),
    `200 OK\ncache-control: max-age=60\ncache-status: inner; hit, tsgi; fwd=uri-miss; stored\ncontent-length: 1\n\n1`,
  );
  forward(10);
  const expected = (status: string) =>
    `${status}\nage: 10\ncache-control: max-age=60\ncache-status: inner; hit, tsgi; hit; ttl=50`;
  assert.equal(
    await transcript(app, "/"),
    `${expected("200 OK")}\ncontent-length: 1\ndate: Sun, 06 Nov 1994 08:49:37 GMT\n\n1`,
  );
  forward(49);
  assert.equal((await request(app, "/")).headers.get("Cache-Status"), "inner; hit, tsgi; hit; ttl=1");
  forward(1);
  assert.equal(await get(app), "2");
});

test("cache: an age that came with the response is added to", async (t) => {
  const forward = clock(t);
  const app = cache(
    counting([
      ["Cache-Control", "max-age=60"],
      ["Age", "20"],
    ]),
  );
  await get(app);
  forward(5);
  assert.equal((await request(app, "/")).headers.get("Age"), "25");
  forward(35);
  assert.equal(await get(app), "2");
});

// Vary (RFC 9111 §4.1).

test("cache: Vary keeps responses apart by what clients sent", async () => {
  const app = cache(
    counting([
      ["Cache-Control", "max-age=60"],
      ["Vary", "Accept-Language, X-A"],
    ]),
  );
  const by = (headers: Record<string, string>) => get(app, "/", { headers });
  assert.equal(await by({ "Accept-Language": "de" }), "1");
  assert.equal(await by({ "Accept-Language": "en" }), "2");
  assert.equal(await by({ "Accept-Language": "en", "X-A": "" }), "3");
  assert.equal(await by({}), "4");
  assert.equal(await by({ "Accept-Language": "de" }), "1");
  assert.equal(await by({ "Accept-Language": "en" }), "2");
  assert.deepEqual(await ask(app, "/", { headers: { "X-A": "b" } }), ["5", "tsgi; fwd=vary-miss; stored"]);
});

test("cache: responses of a URI that vary by different fields are apart by all of them", async () => {
  const app = cache(
    counting(
      (environ) => [
        ["Cache-Control", "max-age=60"],
        ["Vary", environ.HTTP_A === undefined ? "B" : "A"],
      ],
      (environ, call) => `${call} ${environ.HTTP_A} ${environ.HTTP_B}`,
    ),
  );
  const by = (headers: Record<string, string>) => get(app, "/", { headers });
  assert.equal(await by({ B: "1" }), "1 undefined 1");
  assert.equal(await by({ A: "1", B: "2" }), "2 1 2");
  assert.equal(await by({ B: "1" }), "3 undefined 1");
  assert.equal(await by({ B: "1" }), "3 undefined 1");
  assert.equal(await by({ A: "1", B: "2" }), "2 1 2");
});

test("cache: each coding of compress is a response of its own", async () => {
  const inner = counting(
    [
      ["Cache-Control", "max-age=60"],
      ["Content-Type", "text/plain"],
    ],
    () => "a".repeat(5000),
  );
  const app = cache(compress(inner));
  for (const coding of ["gzip", "br", "identity", "gzip", "br", "identity"]) {
    const response = await request(app, "/", { headers: { "Accept-Encoding": coding } });
    assert.equal(response.headers.get("Content-Encoding") ?? "identity", coding);
    await response.arrayBuffer();
  }
  assert.equal(inner.calls.length, 3);
});

// Validation (RFC 9111 §4.3).

test("cache: a client that has the response gets a 304", async () => {
  const app = cache(
    counting([
      ["Cache-Control", "max-age=60"],
      ["ETag", '"a"'],
      ["Content-Type", "text/plain"],
    ]),
  );
  await get(app);
  const response = await request(app, "/", { headers: { "If-None-Match": 'W/"a"' } });
  assert.deepEqual(
    [response.status, response.headers.get("ETag"), response.headers.get("Content-Type"), response.headers.get("Age")],
    [304, '"a"', null, "0"],
  );
  assert.equal(await get(app, "/", { headers: { "If-None-Match": '"b"' } }), "1");
});

/** Answers 304 to those who have the current version. */
function validated(tag: () => string, extra: HeaderList = [["Cache-Control", "max-age=60"]]): Counted {
  return counting(
    () => [...extra, ["ETag", tag()]],
    (environ, call) => (environ.HTTP_IF_NONE_MATCH === tag() ? undefined : String(call)),
    (environ) => (environ.HTTP_IF_NONE_MATCH === tag() ? "304 Not Modified" : "200 OK"),
  );
}

test("cache: a stale response is validated with its tag, and is fresh again", async (t) => {
  const forward = clock(t);
  let tag = '"a"';
  const inner = validated(() => tag);
  const app = cache(inner);
  assert.equal(await get(app), "1");
  forward(60);
  assert.deepEqual(await ask(app), ["1", "tsgi; fwd=stale; fwd-status=304"]);
  assert.deepEqual(await ask(app), ["1", "tsgi; hit; ttl=60"]);
  assert.equal(inner.calls[1]?.HTTP_IF_NONE_MATCH, '"a"');
  forward(60);
  tag = '"b"';
  assert.deepEqual(await ask(app), ["3", "tsgi; fwd=stale; stored"]);
  assert.deepEqual(await ask(app), ["3", "tsgi; hit; ttl=60"]);
});

test("cache: no-cache is validated each time", async () => {
  const inner = validated(() => '"a"', [["Cache-Control", "no-cache"]]);
  const app = cache(inner);
  for (let turn = 0; turn < 3; turn++) assert.equal(await get(app), "1");
  assert.equal(inner.calls.length, 3);
});

test("cache: the condition of a client is judged by what the validation brings", async (t) => {
  const forward = clock(t);
  let tag = '"a"';
  const app = cache(validated(() => tag));
  await get(app);
  forward(60);
  const by = async (condition: string) => (await request(app, "/", { headers: { "If-None-Match": condition } })).status;
  assert.equal(await by('"x"'), 200);
  forward(60);
  assert.equal(await by('"a"'), 304);
  forward(60);
  tag = '"b"';
  assert.equal(await by('"b"'), 304);
  assert.equal((await ask(app))[1], "tsgi; hit; ttl=60");
});

test("cache: a 304 renews headers, but not what describes the body", async (t) => {
  const forward = clock(t);
  const app = cache(
    counting(
      (environ) =>
        environ.HTTP_IF_NONE_MATCH === undefined
          ? [
              ["Cache-Control", "max-age=60"],
              ["ETag", '"a"'],
              ["Content-Type", "text/plain"],
              ["X-Version", "1"],
            ]
          : [
              ["Cache-Control", "max-age=10"],
              ["ETag", '"a"'],
              ["X-Version", "2"],
            ],
      (environ) => (environ.HTTP_IF_NONE_MATCH === undefined ? "body" : undefined),
      (environ) => (environ.HTTP_IF_NONE_MATCH === undefined ? "200 OK" : "304 Not Modified"),
    ),
  );
  await get(app);
  forward(60);
  await get(app);
  assert.equal(
    await transcript(app, "/"),
    `200 OK\nage: 0\ncache-control: max-age=10\ncache-status: tsgi; hit; ttl=10\ncontent-length: 4\ncontent-type: text/plain\ndate: Sun, 06 Nov 1994 08:50:37 GMT\netag: "a"\nx-version: 2\n\nbody`,
  );
});

test("cache: a 304 of another version than what is stored is not believed", async (t) => {
  const forward = clock(t);
  const app = cache(
    counting(
      (environ) => [
        ["Cache-Control", "max-age=60"],
        ["ETag", environ.HTTP_IF_NONE_MATCH ? '"b"' : '"a"'],
      ],
      (environ, call) => (environ.HTTP_IF_NONE_MATCH ? undefined : String(call)),
      (environ) => (environ.HTTP_IF_NONE_MATCH ? "304 Not Modified" : "200 OK"),
    ),
  );
  await get(app);
  forward(60);
  assert.equal(await get(app), "3");
});

test("cache: a 304 for a client alone is passed on", async () => {
  const app = cache(validated(() => '"a"'));
  assert.equal((await request(app, "/", { headers: { "If-None-Match": '"a"' } })).status, 304);
  assert.equal(await get(app), "2");
});

// Stale responses (RFC 5861).

test("cache: stale-while-revalidate serves at once, and asks once behind it", async (t) => {
  const forward = clock(t);
  const inner = counting([["Cache-Control", "max-age=60, stale-while-revalidate=30"]]);
  const app = cache(inner);
  await get(app);
  forward(70);
  assert.deepEqual(await ask(app), ["1", "tsgi; hit; ttl=-10"]);
  assert.equal(await get(app, "/", { method: "HEAD" }), "");
  assert.deepEqual(await ask(app), ["1", "tsgi; hit; ttl=-10"]);
  await eventually(() => inner.calls.length === 2);
  assert.equal(await get(app), "2");
  assert.equal(inner.calls.length, 2);
  assert.equal(inner.calls[1]?.REQUEST_METHOD, "GET");
  forward(90);
  assert.equal(await get(app), "3");
});

test("cache: a refresh that fails or hangs leaves what is stored, and is reported", async (t) => {
  const forward = clock(t);
  const inner = counting([["Cache-Control", "max-age=60, stale-while-revalidate=30"]], (_environ, call) => {
    if (call > 1) throw new Error("boom");
    return "1";
  });
  const app = cache(inner);
  await get(app);
  forward(70);
  await allOwned(async () => {
    const errors: string[] = [];
    assert.equal(await get(app, "/", { environ: { "tsgi.errors": { write: (text) => errors.push(text) } } }), "1");
    await eventually(() => errors.join("").includes("boom"));
    assert.equal(await get(app), "1");
    await eventually(() => inner.calls.length === 3);
  });
});

test("cache: stale-if-error serves where the app throws or answers 503, within its time", async (t) => {
  const forward = clock(t);
  let fails = false;
  const app = cache(
    counting(
      [["Cache-Control", "max-age=60, stale-if-error=30"]],
      (_environ, call) => {
        if (fails) throw new Error("boom");
        return String(call);
      },
      (_environ, call) => (call === 2 ? "503 Service Unavailable" : "200 OK"),
    ),
  );
  await get(app);
  forward(70);
  assert.deepEqual(await ask(app), ["1", "tsgi; fwd=stale; fwd-status=503"]);
  fails = true;
  const { response, errors } = await hosted(app);
  assert.deepEqual(
    [response.headers.get("Cache-Status"), await response.text()],
    ["tsgi; fwd=stale; detail=stale-if-error", "1"],
  );
  assert.match(errors.join(""), /boom/);
  forward(20);
  await assert.rejects(get(app), /boom/);
});

test("cache: what must be revalidated is never served stale", async (t) => {
  const forward = clock(t);
  const directives = "max-age=60, must-revalidate, stale-if-error=90, stale-while-revalidate=90";
  const app = cache(
    counting([["Cache-Control", directives]], undefined, (_environ, call) => (call === 2 ? "503 No" : "200 OK")),
  );
  await get(app);
  forward(60);
  assert.equal((await request(app, "/")).status, 503);
});

// Invalidation (RFC 9111 §4.4).

test("cache: an unsafe method that succeeds invalidates its URL, and what its response names", async () => {
  const inner = counting((environ) =>
    environ.REQUEST_METHOD === "POST"
      ? [
          ["Location", "/%61?b"],
          ["Content-Location", "http://elsewhere.example/c"],
        ]
      : [
          ["Cache-Control", "max-age=60"],
          ["Vary", "X"],
        ],
  );
  const app = cache(inner);
  const urls = ["/", "/a?b", "/c", "/?"];
  const all = async () => (await Promise.all(urls.map((url) => get(app, url)))).join(" ");
  const before = await all();
  assert.equal(before, "1 2 3 4");
  assert.deepEqual(await ask(app, "/", { method: "POST" }), ["5", "tsgi; fwd=method"]);
  assert.equal(await all(), "6 7 3 8");
});

for (const [what, method, status, expected] of [
  ["that fails", "POST", "404 Not Found", "1"],
  ["OPTIONS", "OPTIONS", "200 OK", "1"],
  ["DELETE", "DELETE", "200 OK", "3"],
  ["that nobody knows", "FROB", "303 See Other", "3"],
] as const) {
  test(`cache: a method ${what}: ${expected === "1" ? "nothing is" : "the URL is"} invalidated`, async () => {
    const app = cache(
      counting(undefined, undefined, (environ) => (environ.REQUEST_METHOD === "GET" ? "200 OK" : status)),
    );
    await get(app);
    await get(app, "/", { method });
    assert.equal(await get(app), expected);
  });
}

test("cache: a host in other letters is invalidated too", async () => {
  const app = cache(counting());
  await get(app, "http://a.example/");
  await get(app, "/", { method: "PUT", headers: { Host: "A.example" } });
  assert.equal(await get(app, "http://a.example/"), "3");
});

test("cache: what was begun before an invalidation is not stored after it", async () => {
  const gate = makeGate();
  const inner = counting(undefined, async function* (_environ: Environ, call: number) {
    if (call === 1) await gate.promise;
    yield String(call);
  });
  const app = cache(inner);
  const first = get(app);
  await eventually(() => inner.calls.length === 1);
  await get(app, "/", { method: "PUT" });
  const second = await get(app);
  gate.resolve("");
  assert.deepEqual([await first, second, await get(app)], ["1", "3", "3"]);
});

// One request for one missing response.

interface Gate {
  readonly promise: Promise<string>;
  resolve(body: string): void;
  reject(error: Error): void;
}

function makeGate(): Gate {
  let gate: Omit<Gate, "promise"> | undefined;
  const promise = new Promise<string>((resolve, reject) => {
    gate = { resolve, reject };
  });
  return { promise, ...(gate as unknown as Omit<Gate, "promise">) };
}

/** An app whose responses wait for the gate of their call. */
function gated(headers: HeaderList = [["Cache-Control", "max-age=60"]]) {
  const gates: Gate[] = [];
  const calls: Environ[] = [];
  const app: App = async (environ, startResponse) => {
    calls.push(environ);
    const gate = makeGate();
    gates.push(gate);
    const body = await gate.promise;
    startResponse("200 OK", headers);
    return body;
  };
  return { app, gates, calls, open: (call: number, body: string) => gates[call - 1]?.resolve(body) };
}

test("cache: clients that ask for the same wait for one request", async () => {
  const { app: inner, calls, open } = gated();
  const app = cache(inner);
  const asked = [ask(app), ask(app), ask(app)];
  await eventually(() => calls.length > 0);
  open(1, "one");
  assert.deepEqual(await Promise.all(asked), [
    ["one", "tsgi; fwd=uri-miss; stored"],
    ["one", "tsgi; fwd=uri-miss; collapsed"],
    ["one", "tsgi; fwd=uri-miss; collapsed"],
  ]);
  assert.equal(calls.length, 1);
});

test("cache: those who wait for what is not to be shared go on by themselves, and the next ones do not wait", async () => {
  const { app: inner, gates, calls, open } = gated([["Cache-Control", "private"]]);
  const app = cache(inner);
  const asked = [get(app), get(app), get(app)];
  await eventually(() => calls.length === 1);
  open(1, "one");
  await eventually(() => calls.length === 3);
  const next = get(app);
  await eventually(() => calls.length === 4);
  for (const [index, gate] of gates.entries()) gate.resolve(`own ${index}`);
  assert.deepEqual([...(await Promise.all(asked)), await next], ["one", "own 1", "own 2", "own 3"]);
});

test("cache: those who wait for what is to be validated each time have it validated by themselves", async () => {
  const {
    app: inner,
    gates,
    calls,
  } = gated([
    ["Cache-Control", "no-cache"],
    ["ETag", '"a"'],
  ]);
  const app = cache(inner);
  const asked = [get(app), get(app), get(app)];
  await eventually(() => calls.length === 1);
  gates[0]?.resolve("one");
  await eventually(() => calls.length === 3);
  for (const gate of gates) gate.resolve("own");
  assert.deepEqual(await Promise.all(asked), ["one", "own", "own"]);
});

test("cache: those who wait for a request that fails go on by themselves", () =>
  allOwned(async () => {
    const { app: inner, gates, calls, open } = gated();
    const app = cache(inner);
    const first = get(app);
    const second = get(app);
    await eventually(() => calls.length === 1);
    gates[0]?.reject(new Error("boom"));
    await assert.rejects(first, /boom/);
    await eventually(() => calls.length === 2);
    open(2, "two");
    assert.equal(await second, "two");
  }));

test("cache: those who wait too long go on by themselves", async () => {
  const { app: inner, calls, open } = gated();
  const app = cache(inner, { wait: 20 });
  const first = get(app);
  const second = get(app);
  await eventually(() => calls.length === 2);
  open(2, "two");
  assert.equal(await second, "two");
  open(1, "one");
  assert.equal(await first, "one");
});

test("cache: those who wait and vary get their own", async () => {
  const {
    app: inner,
    gates,
    calls,
    open,
  } = gated([
    ["Cache-Control", "max-age=60"],
    ["Vary", "A"],
  ]);
  const app = cache(inner);
  const by = (a: string) => get(app, "/", { headers: { A: a } });
  const asked = [by("x"), by("y"), by("x"), by("y")];
  await eventually(() => calls.length === 1);
  open(1, "x");
  await eventually(() => calls.length === 2);
  gates[1]?.resolve("y");
  assert.deepEqual(await Promise.all(asked), ["x", "y", "x", "y"]);
  assert.equal(calls.length, 2);
});

/** An app that sends three chunks, each as its gate opens; `closed` counts the bodies that were closed. */
function streaming(headers: HeaderList = [["Cache-Control", "max-age=60"]]) {
  const state = { calls: 0, closed: 0, read: 0 };
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const app: App = async function* (_environ, startResponse) {
    state.calls++;
    startResponse("200 OK", headers);
    try {
      yield "one ";
      await gate;
      state.read++;
      yield "two ";
      yield "three";
    } finally {
      state.closed++;
    }
  };
  return { app, state, open: () => open() };
}

test("cache: a client that reads nothing does not hold up those who wait", async () => {
  const { app: inner, state, open } = streaming();
  const app = cache(inner);
  const slow = await request(app, "/");
  const others = [get(app), get(app)];
  open();
  assert.deepEqual(await Promise.all(others), ["one two three", "one two three"]);
  assert.equal(await slow.text(), "one two three");
  assert.deepEqual(state, { calls: 1, closed: 1, read: 1 });
});

test("cache: a client that leaves does not take the response from those who wait", async () => {
  const { app: inner, state, open } = streaming();
  const app = cache(inner);
  const leaving = await request(app, "/");
  const other = get(app);
  // It has joined by then.
  await new Promise((resolve) => setImmediate(resolve));
  await leaving.body?.cancel();
  open();
  assert.equal(await other, "one two three");
  assert.deepEqual(state, { calls: 1, closed: 1, read: 1 });
});

test("cache: of a client that leaves nothing is stored, and nothing goes on", async () => {
  const { app: inner, state, open } = streaming();
  const app = cache(inner);
  const leaving = await request(app, "/");
  await leaving.body?.cancel();
  open();
  await eventually(() => state.closed === 1);
  assert.equal(await get(app), "one two three");
  assert.equal(state.calls, 2);
});

test("cache: where all who wait leave, nothing goes on", () =>
  allOwned(async () => {
    let closed = 0;
    const app = cache(async function* (_environ, startResponse) {
      startResponse("200 OK", [["Cache-Control", "max-age=60"]]);
      try {
        for (;;) {
          yield "tick ";
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      } finally {
        closed++;
      }
    });
    const leaving = await request(app, "/");
    const waiting = new AbortController();
    const other = get(app, "/", { signal: waiting.signal });
    await new Promise((resolve) => setImmediate(resolve));
    await leaving.body?.cancel();
    waiting.abort();
    await assert.rejects(other);
    await eventually(() => closed === 1);
  }));

test("cache: a body that fails is not stored, and fails nobody else", () =>
  allOwned(async () => {
    let calls = 0;
    const app = cache(async function* (_environ, startResponse) {
      const call = ++calls;
      startResponse("200 OK", [["Cache-Control", "max-age=60"]]);
      yield "one ";
      if (call === 1) throw new Error("boom");
      yield "two";
    });
    await assert.rejects(get(app), /boom/);
    assert.equal(await get(app), "one two");
    assert.equal(await get(app), "one two");
    assert.equal(calls, 2);
  }));

for (const [what, make] of [
  ["is shorter than it declares", () => new Set(["12"])],
  ["is longer than it declares", () => new Set(["1234"])],
  ["is shorter than it declares, and known", () => "12"],
  ["ends without an end", () => Readable.from(["12"]).destroy()],
] as [string, () => Body][]) {
  test(`cache: a body that ${what} is not stored`, async () => {
    const inner = counting(
      [
        ["Cache-Control", "max-age=60"],
        ["Content-Length", "3"],
      ],
      (_environ, call) => (call === 1 ? make() : "123"),
    );
    const app = cache(inner);
    await get(app, "/", { lint: false }).catch(() => {});
    assert.equal(await get(app), "123");
    assert.equal(inner.calls.length, 2);
  });
}

test("cache: a cookie that comes with what others wait for is its client's alone", async () => {
  const {
    app: inner,
    gates,
    calls,
  } = gated([
    ["Cache-Control", "public, max-age=60"],
    ["Set-Cookie", "session=1"],
  ]);
  const app = cache(inner);
  const asked = [get(app), get(app), get(app)];
  await eventually(() => calls.length === 1);
  gates[0]?.resolve("first");
  await eventually(() => calls.length === 3);
  for (const [index, gate] of gates.entries()) gate.resolve(`own ${index}`);
  assert.deepEqual(await Promise.all(asked), ["first", "own 1", "own 2"]);
});

test("cache: a body that is larger than the limit is passed on, and those who wait go on by themselves", async () => {
  const inner = counting(undefined, async function* () {
    for (let chunk = 0; chunk < 10; chunk++) yield "x".repeat(10);
  });
  const app = cache(inner, { limit: 50 });
  const bodies = await Promise.all([get(app), get(app)]);
  assert.deepEqual(
    bodies.map(({ length }) => length),
    [100, 100],
  );
  assert.equal(inner.calls.length, 2);
  assert.deepEqual(
    await ask(
      cache(
        counting(undefined, () => "123456"),
        { limit: 5 },
      ),
    ),
    ["123456", "tsgi; fwd=uri-miss"],
  );
});

// Stores.

const broken: Record<string, CacheStore> = {
  throws: {
    get: () => {
      throw new Error("down");
    },
    set: () => {
      throw new Error("down");
    },
    delete: () => {
      throw new Error("down");
    },
  },
  rejects: {
    get: () => Promise.reject(new Error("down")),
    set: () => Promise.reject(new Error("down")),
    delete: () => Promise.reject(new Error("down")),
  },
  hangs: { get: () => new Promise(() => {}), set: () => new Promise(() => {}), delete: () => new Promise(() => {}) },
  "gives nonsense": { get: () => ({ meta: { id: 5, status: 7 }, body: "x" }) as never, set() {}, delete() {} },
};

for (const [what, store] of Object.entries(broken)) {
  test(`cache: a store that ${what} only means a miss, reported once`, () =>
    allOwned(async () => {
      const inner = counting();
      const app = cache(inner, { store, storeTimeout: 10 });
      const errors: string[] = [];
      for (const [index, method] of ["GET", "GET", "GET", "PUT"].entries()) {
        const { response } = await hosted(app, method, errors);
        assert.equal(await response.text(), String(index + 1));
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.equal(errors.length, what === "gives nonsense" ? 0 : 1, errors.join(""));
    }));
}

test("cache: what a store has garbled counts as missing", async () => {
  const inner = memoryCacheStore();
  await get(cache(counting(), { store: inner }), "/a");
  for (const garbled of [
    { status: "OK" },
    { status: "101 Switching Protocols" },
    { headers: [1, null] },
    { headers: { a: "b" } },
    { headers: [["X", "a\r\nSet-Cookie: b=c"]] },
    { headers: [["Content-Length", "99"]] },
    { headers: [["Transfer-Encoding", "chunked"]] },
    { storedAt: Number.NaN },
    { lifetime: "60" },
    { age: undefined },
    { selection: 5 },
    { vary: [5], id: "x" },
    { vary: "x", id: "x" },
  ]) {
    const store: CacheStore = {
      ...inner,
      get(key) {
        const found = inner.get(key) as CacheEntry | undefined;
        return found && { ...found, meta: { ...(found.meta as object), ...garbled } };
      },
    };
    const app = cache(
      counting(undefined, () => "new"),
      { store },
    );
    assert.equal(await get(app, "/a"), "new", JSON.stringify(garbled));
  }
});

test("cache: what a store could not delete is not served", async () => {
  const inner = memoryCacheStore();
  const store: CacheStore = { ...inner, delete: () => Promise.reject(new Error("down")) };
  const app = cache(counting(), { store });
  assert.equal(await (await hosted(app)).response.text(), "1");
  await hosted(app, "PUT");
  assert.equal(await (await hosted(app)).response.text(), "3");
});

test("cache: the first client does not wait for the store", async () => {
  const store: CacheStore = { get: () => undefined, set: () => new Promise(() => {}), delete() {} };
  assert.equal(await get(cache(counting(), { store, storeTimeout: 60_000 }), "/"), "1");
});

// Options.

test("cache: what key gives keeps responses apart, and undefined passes the cache by", async () => {
  const key = (environ: Environ): string | undefined => environ.HTTP_COUNTRY;
  const app = cache(counting(), { key });
  const by = (country: string) => get(app, "/", { headers: { Country: country } });
  assert.deepEqual([await by("de"), await by("fr"), await by("de")], ["1", "2", "1"]);
  assert.deepEqual(await ask(app), ["3", "tsgi; fwd=bypass"]);
});

test("cache: what clients ask for by Cache-Control counts only where it may", async (t) => {
  const forward = clock(t);
  const by = async (app: App, field: string) => get(app, "/", { headers: { "Cache-Control": field } });
  const deaf = cache(counting());
  await get(deaf);
  for (const field of ["no-cache", "max-age=0", "only-if-cached"]) assert.equal(await by(deaf, field), "1");
  const app = cache(counting(), { clientDirectives: true });
  assert.equal((await request(app, "/", { headers: { "Cache-Control": "only-if-cached" } })).status, 504);
  assert.equal(await get(app), "1");
  forward(10);
  assert.equal(await by(app, "max-age=10"), "1");
  assert.equal(await by(app, "min-fresh=50"), "1");
  assert.equal(await by(app, "only-if-cached"), "1");
  assert.equal(await by(app, "max-age=9"), "2");
  assert.equal(await by(app, "min-fresh=61"), "3");
  assert.equal(await by(app, "no-cache"), "4");
  assert.equal(await get(app), "4");
});

test("cache: what it calls itself is the site's to choose", async () => {
  assert.deepEqual(await ask(cache(counting(), { name: "edge-1" })), ["1", "edge-1; fwd=uri-miss; stored"]);
});

for (const options of [
  { stor: memoryCacheStore() },
  { store: {} },
  { limit: -1 },
  { name: "a b" },
  { key: "x" },
] as unknown[] as CacheOptions[]) {
  test(`cache: refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => cache(counting(), options), { code: "TSGI_BAD_OPTION" });
  });
}

test("memoryCacheStore: what was not used for longest goes first", async () => {
  const app = cache(
    counting(undefined, () => "x".repeat(3000)),
    { store: memoryCacheStore({ maxSize: 20_000 }) },
  );
  const status = async (url: string) => (await ask(app, url))[1];
  for (let turn = 0; turn < 10; turn++) await status(`/${turn}`);
  assert.equal(await status("/9"), "tsgi; hit; ttl=60");
  assert.match((await status("/0")) ?? "", /fwd=/);
});
