import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { test } from "node:test";
import { lint } from "../../middleware/lint.ts";
import { closeBody, readText } from "../../src/body/reader.ts";
import { capture } from "../../src/exchange/capture.ts";
import type { App, AppResponse, Environ } from "../../src/gateway.ts";
import { isPromise } from "../../src/promise.ts";
import { request } from "../../src/testing.ts";
import { eventually } from "../support/raw-client.ts";
import { allOwned } from "../support/unowned.ts";

/** Captures an app within a request, and gives what `use` makes of it. */
async function captured<T>(
  app: App,
  use: (captured: AppResponse | Promise<AppResponse>) => T | Promise<T>,
): Promise<T> {
  let result: T | undefined;
  const outer: App = async (environ: Environ, startResponse) => {
    result = await use(capture(lint(app), environ));
    startResponse("204 No Content", []);
  };
  await request(outer, "/");
  return result as T;
}

const whole = (pending: AppResponse | Promise<AppResponse>) =>
  (async () => {
    const { status, headers, body } = await pending;
    return { status, headers, text: await readText(body) };
  })();

for (const [what, app, text] of [
  [
    "a function",
    (_environ, start) => {
      start("200 OK", []);
      return "ab";
    },
    "ab",
  ],
  [
    "an async function",
    async (_environ, start) => {
      start("200 OK", []);
      return ["a", "b"];
    },
    "ab",
  ],
  [
    "a generator",
    function* (_environ, start) {
      start("200 OK", []);
      yield "a";
      yield "b";
    },
    "ab",
  ],
  [
    "an async generator",
    async function* (_environ, start) {
      start("200 OK", []);
      yield "a";
      yield "b";
    },
    "ab",
  ],
  [
    "an empty generator",
    function* (_environ, start) {
      start("200 OK", []);
      yield* [];
    },
    "",
  ],
  [
    "a generator that starts late",
    function* (_environ, start) {
      yield "";
      start("200 OK", []);
      yield "ab";
    },
    "ab",
  ],
  [
    "an app that writes before it returns",
    (_environ, start) => {
      const write = start("200 OK", []);
      void write("a");
      return "b";
    },
    "ab",
  ],
  [
    "an app that writes and waits",
    async (_environ, start) => {
      const write = start("200 OK", []);
      await write("a");
      await write("b");
    },
    "ab",
  ],
  [
    "a generator that writes",
    function* (_environ, start) {
      void start("200 OK", [])("a");
      yield "b";
    },
    "ab",
  ],
] as [string, App, string][]) {
  test(`capture: the response of ${what}`, async () => {
    assert.deepEqual(await captured(app, whole), { status: "200 OK", headers: [], text });
  });
}

test("capture: what is there already needs no promise, and stays what it is", async () => {
  const body = ["a", "b"];
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    return body;
  };
  await captured(app, (pending) => {
    assert.equal(isPromise(pending), false);
    assert.equal((pending as AppResponse).body, body);
  });
  const generator: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "a";
  };
  await captured(generator, (pending) => {
    assert.equal(isPromise(pending), false);
    return whole(pending);
  });
});

test("capture: an error may replace what was recorded, until it was handed over", async () => {
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    startResponse("500 Internal Server Error", [], new Error("x"));
    yield "a";
    startResponse("500 Internal Server Error", [], new Error("late"));
  };
  await captured(app, async (pending) => {
    const { status, body } = await pending;
    assert.equal(status, "500 Internal Server Error");
    await assert.rejects(readText(body), /late/);
  });
});

test("capture: an app that throws, and one that never starts", async () => {
  const rejected = (app: App) => captured(app, (pending) => assert.rejects(async () => pending));
  await rejected(() => Promise.reject(new Error("x")));
  const boom: App = () => {
    throw new Error("boom");
  };
  await assert.rejects(captured(boom, whole), /boom/);
  const never: App = function* () {
    yield "";
  };
  await assert.rejects(captured(never, whole), { code: "TSGI_LINT_RESPONSE" });
});

test("capture: write throws once nobody reads any more", async () => {
  let code: string | undefined;
  const app: App = async (_environ, startResponse) => {
    const write = startResponse("200 OK", []);
    try {
      for (;;) await write("again");
    } catch (error) {
      ({ code } = error as { code: string });
    }
  };
  await captured(app, async (pending) => {
    const { body } = await pending;
    for await (const chunk of body as AsyncIterable<string>) {
      assert.equal(chunk, "again");
      break;
    }
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(code, "TSGI_CLIENT_GONE");
});

test("capture: an app that fails after its first write fails its body", async () => {
  const app: App = async (_environ, startResponse) => {
    await startResponse("200 OK", [])("a");
    throw new Error("after");
  };
  await captured(app, async (pending) => {
    const { body } = await pending;
    await assert.rejects(readText(body), /after/);
  });
});

for (const [what, app, text] of [
  [
    "a generator that waits for what it writes in its first step",
    async function* (_environ, startResponse) {
      const write = startResponse("200 OK", []);
      await write("a");
      yield "b";
    },
    "ab",
  ],
  [
    "a generator that waits for what it writes amid its chunks",
    async function* (_environ, startResponse) {
      const write = startResponse("200 OK", []);
      yield "a";
      await write("b");
      yield "c";
    },
    "abc",
  ],
  [
    "a chunk that is written amid a body, and not waited for",
    async function* (_environ, startResponse) {
      const write = startResponse("200 OK", []);
      yield "a";
      void write("b");
      yield "c";
    },
    "abc",
  ],
  [
    "chunks that are written amid a synchronous body",
    function* (_environ, startResponse) {
      const write = startResponse("200 OK", []);
      void write("a");
      yield "b";
      void write("c");
      yield "d";
      void write("e");
    },
    "abcde",
  ],
  [
    "chunks that are written in a timer",
    async (_environ, startResponse) => {
      const write = startResponse("200 OK", []);
      return (async function* () {
        yield "a";
        await new Promise((resolve) => setTimeout(() => resolve(write("b")), 2));
        yield "c";
      })();
    },
    "abc",
  ],
  [
    "several chunks that are written at once",
    async (_environ, startResponse) => {
      const write = startResponse("200 OK", []);
      await Promise.all([write("a"), write("b"), write("c")]);
      return "d";
    },
    "abcd",
  ],
] as [string, App, string][]) {
  test(`capture: ${what} keeps its order`, async () => {
    const result = await captured(app, whole);
    assert.deepEqual(result, { status: "200 OK", headers: [], text });
  });

  test(`capture: ${what} is the same without it`, async () => {
    assert.equal(await (await request(app, "/")).text(), text);
  });
}

test("capture: what was handed over cannot be changed by the app", async () => {
  const headers: [string, string][] = [["X-Name", "a"]];
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", headers);
    return "x";
  };
  const result = await captured(app, async (pending) => {
    const response = await pending;
    headers.push(["Set-Cookie", "a=b"]);
    (headers[0] as [string, string])[1] = "b";
    return response.headers;
  });
  assert.deepEqual(result, [["X-Name", "a"]]);
});

test("capture: a write after the end throws", async () => {
  let late: unknown;
  const app: App = (_environ, startResponse) => {
    const write = startResponse("200 OK", []);
    setTimeout(() => {
      try {
        void write("late");
      } catch (error) {
        late = error;
      }
    });
    return "x";
  };
  await captured(app, whole);
  await eventually(() => late !== undefined);
  assert.equal((late as { code?: string }).code, "TSGI_RESPONSE_OVER");
});

test("capture: a body that comes after nobody reads any more is closed, and what that fails with is reported", () =>
  allOwned(async () => {
    const errors: string[] = [];
    const app: App = async (_environ, startResponse) => {
      void startResponse("200 OK", [])("a");
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { [Symbol.iterator]: () => ["b"].values(), close: () => Promise.reject(new Error("late close")) };
    };
    const outer: App = async (environ, startResponse) => {
      const { body } = await capture(app, environ);
      await closeBody(body);
      await new Promise((resolve) => setTimeout(resolve, 15));
      startResponse("204 No Content", []);
    };
    const environ = { "tsgi.errors": { write: (text: string) => errors.push(text) } };
    await request(outer, "/", { environ, lint: false }).catch(() => {});
    assert.equal(errors.join("").split("Error: late close").length, 2);
  }));

test("capture: a stream that fails while nobody reads it yet fails its reader", () =>
  allOwned(async () => {
    const app: App = (_environ, startResponse) => {
      startResponse("200 OK", []);
      return createReadStream("/nonexistent");
    };
    const outer: App = async (environ, startResponse) => {
      const { body } = await capture(app, environ);
      await new Promise((resolve) => setTimeout(resolve, 20));
      startResponse("200 OK", []);
      return body;
    };
    await assert.rejects(request(outer, "/", { lint: false }), { code: "ENOENT" });
  }));
