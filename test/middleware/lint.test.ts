import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { RULES } from "../../middleware/lint/rules.ts";
import { lint } from "../../middleware/lint.ts";
import { text } from "../../src/apps.ts";
import { capture } from "../../src/exchange/capture.ts";
import type { App, Environ, HeaderList } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { allOwned } from "../support/unowned.ts";

/** What a request of an app ends with where `lint` stands around it. */
async function violation(app: App, options: RequestOptions = {}): Promise<string | undefined> {
  try {
    const response = await request(app, "/", options);
    await response.text();
    return undefined;
  } catch (error) {
    assert.equal((error as Error).name, "TsgiError");
    assert.match((error as Error).message, /, but rule \d+ of the contract says: /);
    return (error as { code: string }).code;
  }
}

const starting =
  (...args: unknown[]): App =>
  (_environ, startResponse) =>
    void (startResponse as (...args: unknown[]) => void)(...args);

const bodyOf =
  (body: unknown, status = "200 OK", headers: HeaderList = []): App =>
  (_environ, startResponse) => {
    startResponse(status as "200 OK", headers);
    return body as string;
  };

for (const [what, code, app, options] of [
  ["no startResponse", "RESPONSE", () => "x"],
  [
    "no startResponse in a generator",
    "RESPONSE",
    function* () {
      yield "x";
    },
  ],
  [
    "an empty generator without startResponse",
    "RESPONSE",
    function* () {
      yield "";
    },
  ],
  ["one argument", "RESPONSE", starting("200 OK")],
  ["four arguments", "RESPONSE", starting("200 OK", [], undefined, 1)],
  ["a malformed status", "RESPONSE", starting("OK", [])],
  ["a malformed header", "RESPONSE", starting("200 OK", [["X", "a\nb"]])],
  ["a hop-by-hop header", "RESPONSE", starting("200 OK", [["Connection", "close"]])],
  ["a header named Status", "RESPONSE", starting("200 OK", [["Status", "200"]])],
  ["204 with a length", "RESPONSE", starting("204 No Content", [["Content-Length", "0"]])],
  [
    "two calls",
    "RESPONSE",
    (_environ, start) => {
      start("200 OK", []);
      start("200 OK", []);
    },
  ],
  ["204 with a body", "BODY", bodyOf("x", "204 No Content")],
  ["304 with a body", "BODY", bodyOf(["x"], "304 Not Modified")],
  ["a chunk that is none", "BODY", bodyOf([1])],
  ["a body longer than declared", "BODY", bodyOf("abc", "200 OK", [["Content-Length", "2"]])],
  ["a body shorter than declared", "BODY", bodyOf("a", "200 OK", [["Content-Length", "2"]])],
  ["a stream shorter than declared", "BODY", bodyOf(new Set(["a"]), "200 OK", [["Content-Length", "2"]])],
  ["a written chunk that is none", "BODY", (_environ, start) => void start("200 OK", [])(1 as never)],
  [
    "an environ that was changed",
    "ENVIRON",
    (environ, start) => {
      (environ as { "x.y"?: number })["x.y"] = 1;
      return text("x")(environ, start);
    },
  ],
  [
    "an error text that is not a string",
    "ERRORS",
    (environ, start) => {
      environ["tsgi.errors"].write(1 as never);
      return text("x")(environ, start);
    },
  ],
  [
    "an input read twice",
    "INPUT",
    async (environ, start) => {
      for await (const _chunk of environ["tsgi.input"]);
      for await (const _chunk of environ["tsgi.input"]);
      return text("x")(environ, start);
    },
  ],
  [
    "an input read after its end",
    "INPUT",
    async (environ, start) => {
      const input = environ["tsgi.input"][Symbol.asyncIterator]();
      while (!(await input.next()).done);
      await input.next();
      return text("x")(environ, start);
    },
  ],
  [
    "an environ that became a prototype",
    "ENVIRON",
    (environ, start) => lint(text("x"))(Object.create(environ) as Environ, start),
  ],
] as [string, string, App, RequestOptions?][]) {
  test(`lint: ${what} breaks the contract`, async () => {
    assert.equal(await violation(app, options), `TSGI_LINT_${code}`);
  });
}

for (const [what, environ] of [
  ["a missing key", { REQUEST_METHOD: undefined }],
  ["a number for a string", { SERVER_PORT: 80 }],
  ["a mount that ends in a slash", { SCRIPT_NAME: "/a/" }],
  ["a relative mount", { SCRIPT_NAME: "a" }],
  ["a relative path", { PATH_INFO: "a" }],
  ["no path at all", { PATH_INFO: "" }],
  ["a path that is not canonical", { PATH_INFO: "/%61" }],
  ["a path with a dot segment", { PATH_INFO: "/a/../b" }],
  ["an asterisk for GET", { PATH_INFO: "*" }],
  ["a length that is not a number", { CONTENT_LENGTH: "x" }],
  ["a header key in small letters", { HTTP_x: "a" }],
  ["a content type among the headers", { HTTP_CONTENT_TYPE: "a" }],
  ["a header that is a list", { HTTP_X: ["a"] }],
  ["another version", { "tsgi.version": [2, 0] }],
  ["another scheme", { "tsgi.url_scheme": "ftp" }],
  ["no input", { "tsgi.input": {} }],
  ["no errors", { "tsgi.errors": {} }],
  ["a flag that is none", { "tsgi.run_once": "no" }],
  ["no state", { "tsgi.state": undefined }],
] as [string, Record<string, unknown>][]) {
  test(`lint: an environ with ${what} breaks the contract`, async () => {
    assert.equal(await violation(text("x"), { environ: environ as Partial<Environ> }), "TSGI_LINT_ENVIRON");
  });
}

async function* two() {
  yield "a";
  yield "b";
}

const streaming: App = (_environ, startResponse) => {
  startResponse("200 OK", []);
  return two();
};

test("lint: a middleware that drops a body without closing it breaks the contract", async () => {
  const dropping =
    (body: () => Iterable<string> | string): App =>
    async (environ, startResponse) => {
      const { status, headers } = await capture(lint(streaming), environ);
      startResponse(status, headers);
      return body();
    };
  assert.equal(await violation(dropping(() => "other")), "TSGI_LINT_DROPPED");
  assert.equal(await violation(dropping(() => new Set(["other"]))), "TSGI_LINT_DROPPED");
});

test("lint: a server that reads a closed body, or reads ahead, breaks the contract", async () => {
  const misusing =
    (use: (iterator: AsyncIterator<string>) => Promise<unknown>): App =>
    async (environ, startResponse) => {
      const body = await lint(streaming)(environ, () => () => {});
      await use((body as AsyncIterable<string>)[Symbol.asyncIterator]());
      return text("x")(environ, startResponse);
    };
  assert.equal(
    await violation(
      misusing(async (iterator) => {
        await iterator.return?.();
        await iterator.next();
      }),
    ),
    "TSGI_LINT_SERVER",
  );
  assert.equal(
    await violation(misusing((iterator) => Promise.all([iterator.next(), iterator.next()]))),
    "TSGI_LINT_SERVER",
  );
  assert.equal(
    await violation(
      misusing(async (iterator) => {
        await iterator.return?.();
        await iterator.return?.();
      }),
    ),
    "TSGI_LINT_SERVER",
  );
});

test("lint: what keeps the contract passes, HEAD with a body and an error handler among it", async () => {
  assert.equal(await violation(text("x")), undefined);
  assert.equal(await violation(streaming), undefined);
  assert.equal(await violation(text("x"), { environ: { QUERY_STRING: "?" } }), undefined);
  assert.equal(await violation(bodyOf("x", "200 OK", [["Content-Length", "9"]]), { method: "HEAD" }), undefined);
  assert.equal(
    await violation((_environ, start) => {
      start("200 OK", []);
      start("500 Internal Server Error", [], new Error("x"));
    }),
    undefined,
  );
  assert.equal(
    await violation(
      async (environ, start) => {
        for await (const _chunk of environ["tsgi.input"]);
        return text("x")(environ, start);
      },
      { method: "POST", body: ["a", "b"] },
    ),
    undefined,
  );
});

const contract = readFileSync(new URL("../../src/gateway.ts", import.meta.url), "utf8").replace(/\s+\*\s+/g, " ");

for (const [name, [number, sentence]] of Object.entries(RULES)) {
  test(`lint: what it quotes for ${name} is a sentence of rule ${number}`, () => {
    const start = contract.indexOf(` ${number}. `);
    const end = contract.indexOf(` ${number + 1}. `, start);
    const rule = contract.slice(start, end < 0 ? contract.indexOf("Nobody else's failure") : end);
    assert.ok(rule.includes(sentence), rule);
  });
}

for (const [what, change] of [
  ["pushed to", (headers: string[][]) => headers.push(["Set-Cookie", "a=b"])],
  ["shortened", (headers: string[][]) => headers.pop()],
  [
    "given another value",
    (headers: string[][]) => {
      (headers[0] as string[])[1] = "b";
    },
  ],
] as const) {
  test(`lint: a header list that is ${what} after startResponse breaks the contract`, async () => {
    const app: App = (_environ, startResponse) => {
      const headers: [string, string][] = [["X-Name", "a"]];
      startResponse("200 OK", headers);
      change(headers);
      return "x";
    };
    assert.equal(await violation(app), "TSGI_LINT_RESPONSE");
  });

  test(`lint: a header list that is ${what} while the body goes out breaks the contract`, async () => {
    const app: App = function* (_environ, startResponse) {
      const headers: [string, string][] = [["X-Name", "a"]];
      startResponse("200 OK", headers);
      yield "a";
      change(headers);
      yield "b";
    };
    assert.equal(await violation(app), "TSGI_LINT_RESPONSE");
  });
}

test("lint: a second Content-Type breaks the contract, a second Set-Cookie does not", async () => {
  const twice = (name: string): App =>
    bodyOf("x", "200 OK", [
      [name, "a"],
      [name.toLowerCase(), "b"],
    ]);
  assert.equal(await violation(twice("Content-Type")), "TSGI_LINT_RESPONSE");
  assert.equal(await violation(twice("ETag")), "TSGI_LINT_RESPONSE");
  assert.equal(await violation(twice("Set-Cookie")), undefined);
});

test("lint: a promise in place of a chunk is refused, and its rejection ends nothing", () =>
  allOwned(async () => {
    const reject = (): never => Promise.reject(new Error("not awaited")) as never;
    const writing: App = (_environ, startResponse) => {
      void startResponse("200 OK", [])(reject());
    };
    const returning: App = (_environ, startResponse) => {
      startResponse("200 OK", []);
      return [reject(), reject()];
    };
    for (const app of [writing, returning]) await assert.rejects(request(app, "/"), { code: "TSGI_LINT_BODY" });
  }));
