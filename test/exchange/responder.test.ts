import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Responder } from "../../src/exchange/responder.ts";
import type { Sink } from "../../src/exchange/sink.ts";
import type { App, Body, Environ } from "../../src/gateway.ts";
import { request, type TestResponse } from "../../src/testing.ts";
import { eventually } from "../support/raw-client.ts";
import { transcript } from "../support/transcript.ts";

const ok: App = (_environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return "ok";
};

for (const [what, headers] of [
  ["a line feed in a value", [["X", "a\nb"]]],
  ["a carriage return in a value", [["X", "a\rb"]]],
  ["a NUL in a value", [["X", "a\0b"]]],
  ["a character beyond Latin-1", [["X", "€"]]],
  ["a value that is not a string", [["X", 1]]],
  ["a space in a name", [["X Y", "a"]]],
  ["an empty name", [["", "a"]]],
  ["a line that is not a pair", [["X"]]],
  ["no list", { X: "a" }],
  ["a malformed length", [["Content-Length", "-1"]]],
  [
    "two lengths",
    [
      ["Content-Length", "1"],
      ["content-length", "1"],
    ],
  ],
] as [string, never][]) {
  test(`rule 1: ${what} throws where the app can see it`, async () => {
    let code: string | undefined;
    const app: App = (_environ, startResponse) => {
      try {
        startResponse("200 OK", headers);
      } catch (error) {
        ({ code } = error as { code: string });
      }
      return ok(_environ, startResponse);
    };
    assert.equal(await (await request(app, "/", { lint: false })).text(), "ok");
    assert.equal(code, "TSGI_BAD_HEADER");
  });
}

for (const name of ["Connection", "keep-alive", "TRANSFER-ENCODING", "Upgrade", "TE", "Proxy-Connection"]) {
  test(`rule 1: ${name} is refused`, async () => {
    const app: App = (_environ, startResponse) => void startResponse("200 OK", [[name, "x"]]);
    await assert.rejects(request(app, "/", { lint: false }), { code: "TSGI_HOP_BY_HOP" });
  });
}

for (const status of ["OK", "200", "200OK", "99 Low", "100 Continue", "2000 OK", "200 O\nK", "", 200]) {
  test(`rule 1: ${JSON.stringify(status)} is not a status`, async () => {
    const app: App = (_environ, startResponse) => void startResponse(status as "200 OK", []);
    await assert.rejects(request(app, "/", { lint: false }), { code: "TSGI_BAD_STATUS" });
  });
}

test("rule 2: nothing is sent before the first chunk, so an error may still replace the response", async () => {
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "";
    startResponse("503 Service Unavailable", [["Retry-After", "1"]], new Error("down"));
    yield "later";
  };
  assert.equal(await transcript(app, "/"), "503 Service Unavailable\nretry-after: 1\n\nlater");
});

test("rule 2: an app may start as late as with its first chunk", async () => {
  const app: App = async function* (_environ, startResponse) {
    yield "";
    startResponse("200 OK", []);
    yield "late";
  };
  assert.equal(await transcript(app, "/"), "200 OK\n\nlate");
});

test("rule 2: an app that never starts is an error", async () => {
  for (const app of [
    () => "x",
    () => undefined,
    () => ["x"],
    () => new Set(["x"]),
    () => [][Symbol.iterator](),
  ] as App[]) {
    await assert.rejects(request(app, "/", { lint: false }), { code: "TSGI_NOT_STARTED" });
  }
});

test("rule 3: a second call without an error throws", async () => {
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    startResponse("200 OK", []);
  };
  await assert.rejects(request(app, "/", { lint: false }), { code: "TSGI_STARTED_TWICE" });
});

test("rule 3: once something was sent, the error is rethrown", async () => {
  const error = new Error("too late");
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "sent";
    startResponse("500 Internal Server Error", [], error);
  };
  const response = await request(app, "/");
  await assert.rejects(response.text(), error);
  assert.match(response.errors, /Error: too late/);
});

test("rule 4: chunks go out as they come, and the next is asked for when there is room", async () => {
  const asked: number[] = [];
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    for (let index = 0; index < 3; index++) {
      asked.push(index);
      yield String(index);
    }
  };
  const response = await request(app, "/");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  assert.deepEqual(asked, [0]);
  assert.equal(new TextDecoder().decode((await reader.read()).value), "0");
  assert.deepEqual(asked, [0]);
  assert.equal(new TextDecoder().decode((await reader.read()).value), "1");
  assert.deepEqual(asked, [0, 1]);
});

test("rule 4: write waits for room, its chunks come before the returned body", async () => {
  const app: App = async (_environ, startResponse) => {
    const write = startResponse("200 OK", []);
    await write("a");
    await write(new Uint8Array([98]));
    return ["c", "d"];
  };
  assert.equal(await transcript(app, "/"), "200 OK\n\nabcd");
});

/** Bodies of every kind, each telling how often it was finished. */
function bodiesOf(count: () => void): Record<string, () => Body> {
  return {
    "a generator": () =>
      (function* () {
        try {
          yield "a";
          yield "b";
        } finally {
          count();
        }
      })(),
    "an async generator": () =>
      (async function* () {
        try {
          yield "a";
          yield "b";
        } finally {
          count();
        }
      })(),
    "a body with close": () => ({
      *[Symbol.iterator]() {
        yield "a";
        yield "b";
      },
      close: count,
    }),
    "an array with close": () => Object.assign(["a", "b"], { close: count }),
    "a Node stream": () => Readable.from(["a", "b"]).once("close", count) as Body,
    "a web stream": () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue("a");
          controller.enqueue("b");
        },
        cancel: count,
      }) as unknown as Body,
  };
}

const tick = () => new Promise((resolve) => setTimeout(resolve, 5));

for (const kind of Object.keys(bodiesOf(() => {}))) {
  const check = async (
    when: string,
    expected: number,
    use: (app: App) => Promise<unknown>,
    status = "200 OK" as const,
  ) => {
    let finished = 0;
    const body = bodiesOf(() => finished++)[kind] as () => Body;
    await use((_environ, startResponse) => {
      startResponse(status, []);
      return body();
    });
    await tick();
    assert.equal(finished, expected, `${when}: finished ${finished} times`);
  };
  // A generator that was never started has nothing to finish, and its finally does not run.
  const isGenerator = kind.endsWith("generator");

  test(`rule 5: ${kind} is finished exactly once`, async () => {
    if (kind !== "a web stream") await check("at its end", 1, async (app) => (await request(app, "/")).text());
    await check("when the client goes away", 1, async (app) => {
      const response = await request(app, "/");
      await (response.body as ReadableStream).cancel();
    });
    const unread = isGenerator ? 0 : 1;
    await check("for HEAD", unread, (app) => request(app, "/", { method: "HEAD" }));
    await check("for 304", unread, (app) => request(app, "/", { lint: false }), "304 Not Modified" as never);
    await check("for 204", unread, (app) => request(app, "/", { lint: false }), "204 No Content" as never);
    await check("when the client is gone already", unread, async (app) => {
      await assert.rejects(request(app, "/", { signal: AbortSignal.abort() }), { name: "AbortError" });
    });
  });
}

test("rule 5: a body whose next rejects is closed, its return is not called", async () => {
  const calls: string[] = [];
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject(new Error("broken")),
      return: () => {
        calls.push("return");
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
    close: () => calls.push("close"),
  };
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    return body;
  };
  await assert.rejects(request(app, "/", { lint: false }), /broken/);
  assert.deepEqual(calls, ["close"]);
});

test("rule 5: a chunk that is none finishes the generator", async () => {
  let finished = 0;
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    try {
      yield 1 as unknown as string;
    } finally {
      finished++;
    }
  };
  await assert.rejects(request(app, "/", { lint: false }), { code: "TSGI_BAD_CHUNK" });
  assert.equal(finished, 1);
});

test("rule 5: the signal is aborted before return waits for a pending next", async () => {
  const events: string[] = [];
  const app: App = async function* (environ, startResponse) {
    const { signal } = environ["tsgi.exchange"];
    startResponse("200 OK", []);
    try {
      yield "a";
      await new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    } catch {
      events.push("aborted");
    } finally {
      events.push("finished");
    }
  };
  const response = await request(app, "/");
  const reader = (response.body as ReadableStream).getReader();
  await reader.read();
  void reader.read();
  await tick();
  await reader.cancel();
  await eventually(() => events.length > 1);
  assert.deepEqual(events, ["aborted", "finished"]);
  assert.equal(response.errors, "");
});

test("rule 6: a chunk and an array get their length in bytes, a stream gets none", async () => {
  const answer =
    (body: Body): App =>
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return body;
    };
  assert.equal(await transcript(answer("né"), "/"), "200 OK\ncontent-length: 3\n\nné");
  assert.equal(await transcript(answer(["n", "é", ""]), "/"), "200 OK\ncontent-length: 3\n\nné");
  assert.equal(await transcript(answer(undefined), "/"), "200 OK\ncontent-length: 0\n\n");
  assert.equal(await transcript(answer(new Set(["n", "é"])), "/"), "200 OK\n\nné");
});

test("rule 6: a length that is not kept is reported", async () => {
  const declaring = (length: string, body: Body): Promise<TestResponse> =>
    request(
      (_environ, startResponse) => {
        startResponse("200 OK", [["Content-Length", length]]);
        return body;
      },
      "/",
      { lint: false },
    );
  for (const body of ["abcdef", ["abc", "def"], new Set(["abc", "def"])]) {
    const response = await declaring("4", body);
    await assert.rejects(response.text(), { code: "TSGI_BODY_TOO_LONG" });
  }
  for (const body of ["ab", [], new Set(["a", "b"])]) {
    const response = await declaring("4", body);
    await assert.rejects(response.text(), { code: "TSGI_BODY_TOO_SHORT" });
  }
});

test("rule 7: HEAD, 204 and 304 send no body, whatever the app returns", async () => {
  assert.equal(
    await transcript(ok, "/", { method: "HEAD" }),
    "200 OK\ncontent-length: 2\ncontent-type: text/plain\n\n",
  );
  const without =
    (status: "204 No Content" | "304 Not Modified"): App =>
    (_environ, startResponse) => {
      startResponse(status, [["ETag", '"x"']]);
      return "never sent";
    };
  for (const status of ["204 No Content", "304 Not Modified"] as const) {
    assert.equal(await transcript(without(status), "/", { lint: false }), `${status}\netag: "x"\n\n`);
  }
});

test("rule 7: an app that answers HEAD with nothing claims no length", async () => {
  const app: App = (_environ, startResponse) => void startResponse("200 OK", []);
  assert.equal(await transcript(app, "/", { method: "HEAD" }), "200 OK\n\n");
});

test("rule 7: an endless stream is not asked for its body by HEAD", async () => {
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    for (;;) yield "again";
  };
  assert.equal(await transcript(app, "/", { method: "HEAD" }), "200 OK\n\n");
});

test("rule 8: an error before the head rejects with the app's own, after it the body does", async () => {
  const error = new Error("own");
  await assert.rejects(
    request(() => Promise.reject(error), "/"),
    error,
  );
  const late: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "a";
    throw error;
  };
  const response = await request(late, "/");
  assert.equal(response.status, 200);
  await assert.rejects(response.text(), error);
});

test("rule 8: a response that is over cannot be written to", async () => {
  let write: ((chunk: string) => unknown) | undefined;
  const app: App = (_environ, startResponse) => {
    write = startResponse("200 OK", []);
    return "done";
  };
  await (await request(app, "/", { lint: false })).text();
  assert.throws(() => write?.("more"), { code: "TSGI_RESPONSE_OVER" });
});

test("rule 10: an empty chunk is not sent", async () => {
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "";
    yield "a";
    yield new Uint8Array();
    yield "b";
  };
  const response = await request(app, "/");
  const chunks: number[] = [];
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk.length);
  assert.deepEqual(chunks, [1, 1]);
});

test("exchange: onAbort calls back at once when the client is gone already", async () => {
  const calls: string[] = [];
  let exchange: { onAbort?(callback: () => void): void } | undefined;
  const app: App = function* (environ, startResponse) {
    exchange = environ["tsgi.exchange"];
    startResponse("200 OK", []);
    yield "a";
    yield "b";
  };
  const response = await request(app, "/");
  await (response.body as ReadableStream).cancel();
  exchange?.onAbort?.(() => calls.push("gone"));
  assert.deepEqual(calls, ["gone"]);
});

test("exchange: informational responses come before the final one", async () => {
  const app: App = (environ, startResponse) => {
    environ["tsgi.exchange"].inform?.("103 Early Hints", [["Link", "</a>; rel=preload"]]);
    return ok(environ, startResponse);
  };
  const { informational } = await request(app, "/");
  assert.deepEqual(informational, [{ status: "103 Early Hints", headers: [["Link", "</a>; rel=preload"]] }]);
});

for (const [what, change, code] of [
  ["gets a coding", (headers: string[][]) => headers.push(["Transfer-Encoding", "chunked"]), "TSGI_HOP_BY_HOP"],
  [
    "gets two lengths",
    (headers: string[][]) => headers.push(["Content-Length", "2"], ["Content-Length", "50"]),
    "TSGI_BAD_HEADER",
  ],
  ["gets another length", (headers: string[][]) => headers.push(["Content-Length", "50"]), "TSGI_BODY_TOO_SHORT"],
  [
    "gets another value",
    (headers: string[][]) => {
      (headers[0] as string[])[1] = "50\r\nSet-Cookie: a=b";
    },
    "TSGI_BAD_HEADER",
  ],
] as const) {
  test(`rule 1: a header list that ${what} after startResponse is refused where it is sent`, async () => {
    const app: App = (_environ, startResponse) => {
      const headers: [string, string][] = [["X-Name", "a"]];
      startResponse("200 OK", headers);
      change(headers);
      return "ok";
    };
    await assert.rejects(async () => (await request(app, "/", { lint: false })).text(), { code });
  });
}

for (const [what, line] of [
  ["three members", ["X", "a", "b"]],
  ["a string of two characters", "Xa"],
  ["nothing", undefined],
] as const) {
  test(`rule 1: a header line of ${what} is refused, also where its name is known`, async () => {
    await request(ok, "/", { environ: {} });
    const app: App = (environ, startResponse) => {
      startResponse("200 OK", [["X", "known"]]);
      startResponse("200 OK", [line as never], new Error("replaced"));
      return ok(environ, startResponse);
    };
    await assert.rejects(request(app, "/", { lint: false }), { code: "TSGI_BAD_HEADER" });
  });
}

for (const line of ["600 No", "999 No", "199 No", "100 Continue", "2000 OK", "200", "200 a\nb", "200 €"]) {
  test(`rule 1: the status line ${JSON.stringify(line)} is refused`, async () => {
    const app: App = (_environ, startResponse) => {
      startResponse(line as never, []);
      return "x";
    };
    await assert.rejects(request(app, "/", { lint: false }), { code: "TSGI_BAD_STATUS" });
  });
}

test("rule 6: HEAD after a write does not tell the length of what follows", async () => {
  const app: App = async (_environ, startResponse) => {
    await startResponse("200 OK", [])("abc");
    return "de";
  };
  assert.equal(await transcript(app, "/"), "200 OK\n\nabcde");
  assert.equal(await transcript(app, "/", { method: "HEAD" }), "200 OK\n\n");
});

for (const body of ["body", ["a", "b"], undefined] as Body[]) {
  test(`rule 7: a 205 is empty, and says so, whatever the app returns: ${JSON.stringify(body)}`, async () => {
    const app: App = (_environ, startResponse) => {
      startResponse("205 Reset Content", [["Content-Length", "4"]]);
      return body;
    };
    assert.equal(await transcript(app, "/", { lint: false }), "205 Reset Content\ncontent-length: 0\n\n");
  });
}

test("rule 8: what an app fails with after its client left is reported", async () => {
  const errors: string[] = [];
  const controller = new AbortController();
  const app: App = async (environ, startResponse) => {
    const left = new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    startResponse("200 OK", []);
    controller.abort();
    await left;
    throw new Error("a real one");
  };
  const environ = { "tsgi.errors": { write: (text: string) => errors.push(text) } };
  await assert.rejects(request(app, "/", { signal: controller.signal, environ }), { name: "AbortError" });
  await new Promise(setImmediate);
  assert.match(errors.join(""), /^GET \/: Error: a real one\n/);
});

test("rule 8: what an app learns of its client's leaving is not reported", async () => {
  const errors: string[] = [];
  const controller = new AbortController();
  const app: App = async (environ, startResponse) => {
    const left = new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    const write = startResponse("200 OK", []);
    controller.abort();
    await left;
    await write("x");
    return undefined;
  };
  const environ = { "tsgi.errors": { write: (text: string) => errors.push(text) } };
  await assert.rejects(request(app, "/", { signal: controller.signal, environ }), { name: "AbortError" });
  await new Promise(setImmediate);
  assert.deepEqual(errors, []);
});

test("rule 3: startResponse after a whole response says that it is over", async () => {
  let late: unknown;
  const app: App = (_environ, startResponse) => {
    setTimeout(() => {
      try {
        startResponse("200 OK", []);
      } catch (error) {
        late = error;
      }
    });
    return ok(_environ, startResponse);
  };
  await (await request(app, "/", { lint: false })).text();
  await eventually(() => late !== undefined);
  assert.equal((late as { code?: string }).code, "TSGI_RESPONSE_OVER");
});

for (const [what, status, headers, code] of [
  ["a length", "103 Early Hints", [["Content-Length", "5"]], "TSGI_BAD_HEADER"],
  ["a hop-by-hop header", "103 Early Hints", [["Connection", "close"]], "TSGI_HOP_BY_HOP"],
  ["a line feed", "103 Early Hints", [["X", "a\nb"]], "TSGI_BAD_HEADER"],
  ["a final status", "200 OK", [], "TSGI_BAD_STATUS"],
  ["a switch of protocols", "101 Switching Protocols", [], "TSGI_BAD_STATUS"],
] as const) {
  test(`exchange: an informational response with ${what} is refused`, async () => {
    const app: App = (environ, startResponse) => {
      environ["tsgi.exchange"].inform?.(status as never, headers as never);
      return ok(environ, startResponse);
    };
    await assert.rejects(request(app, "/"), { code });
  });
}

test("exchange: an error is reported to the log and to the server once, however often it is told", async () => {
  const errors: string[] = [];
  const app: App = (environ, startResponse) => {
    const error = new Error("late");
    environ["tsgi.exchange"].report?.(error);
    environ["tsgi.exchange"].report?.(error);
    return ok(environ, startResponse);
  };
  const environ = { "tsgi.errors": { write: (text: string) => errors.push(text) } };
  await assert.rejects(async () => (await request(app, "/", { environ })).text(), { message: "late" });
  assert.equal(errors.length, 1);
});

test("rule 2: an empty chunk that is written sends nothing, so that an error handler may still answer", async () => {
  const app: App = (_environ, startResponse) => {
    const write = startResponse("200 OK", []);
    void write("");
    startResponse("503 Service Unavailable", [], new Error("replaced"));
    return "later";
  };
  assert.equal(await transcript(app, "/"), "503 Service Unavailable\ncontent-length: 5\n\nlater");
});

/** A sink that notes what it is called with. */
function notingSink(): Sink & { readonly calls: unknown[] } {
  const calls: unknown[] = [];
  return {
    calls,
    closed: false,
    writeHead: ({ code }, _headers, length) => void calls.push(["writeHead", code, length]),
    flush: () => void calls.push(["flush"]),
    write: (chunk) => void calls.push(["write", chunk]),
    end: (chunk) => void calls.push(["end", chunk]),
    abort: () => void calls.push(["abort"]),
    onClose() {},
  };
}

for (const method of ["GET", "HEAD"]) {
  test(`rule 7: the page of an error is sent to ${method === "HEAD" ? "no HEAD" : "a GET"}`, () => {
    const sink = notingSink();
    const environ = { REQUEST_METHOD: method, REQUEST_URI: "/", "tsgi.errors": { write() {} } } as unknown as Environ;
    new Responder(sink, {}).run(() => {
      throw new Error("x");
    }, environ);
    const page = "500 Internal Server Error\n";
    assert.deepEqual(sink.calls, [
      ["writeHead", 500, page.length],
      ["end", method === "HEAD" ? undefined : page],
    ]);
  });
}

test("exchange: a sink that throws is cut off, and what it throws is reported", () => {
  const log: string[] = [];
  const sink = notingSink();
  const environ = {
    REQUEST_METHOD: "GET",
    REQUEST_URI: "/",
    "tsgi.errors": { write: (text: string) => log.push(text.split("\n", 1)[0] as string) },
  } as unknown as Environ;
  const failing: Sink = {
    ...sink,
    writeHead() {
      throw new Error("no head");
    },
  };
  new Responder(failing, {}).run(ok, environ);
  assert.deepEqual(sink.calls, [["abort"]]);
  assert.deepEqual(log.slice(0, 1), ["GET /: Error: no head"]);
});

test("rule 19: trailers add up, and an error that replaces the response drops them", async () => {
  const app: App = function* (environ, startResponse) {
    const { addTrailers } = environ["tsgi.exchange"];
    addTrailers?.([["X-Dropped", "1"]]);
    startResponse("200 OK", []);
    startResponse("200 OK", [["Trailer", "X-A"]], new Error("replaced"));
    yield "a";
    addTrailers?.([["X-A", "1"]]);
    addTrailers?.([
      ["X-A", "2"],
      ["Content-Digest", "sha-256=:x:"],
    ]);
  };
  const response = await request(app, "/");
  assert.equal(await response.text(), "a");
  assert.deepEqual(response.trailers, [
    ["X-A", "1"],
    ["X-A", "2"],
    ["Content-Digest", "sha-256=:x:"],
  ]);
});

test("rule 19: a list of trailers that is changed afterwards has changed nothing", async () => {
  const app: App = (environ, startResponse) => {
    const trailers: [string, string][] = [["X-A", "1"]];
    environ["tsgi.exchange"].addTrailers?.(trailers);
    trailers.push(["Content-Length", "3"]);
    return ok(environ, startResponse);
  };
  const response = await request(app, "/");
  await response.text();
  assert.deepEqual(response.trailers, [["X-A", "1"]]);
});

for (const [what, trailers, code] of [
  ["a line feed", [["X", "a\nb"]], "TSGI_BAD_HEADER"],
  ["no list", { X: "a" }, "TSGI_BAD_HEADER"],
  ["framing", [["Transfer-Encoding", "chunked"]], "TSGI_HOP_BY_HOP"],
  ["a length", [["content-length", "1"]], "TSGI_BAD_TRAILER"],
  ["a cookie", [["Set-Cookie", "a=b"]], "TSGI_BAD_TRAILER"],
  ["routing", [["HOST", "a"]], "TSGI_BAD_TRAILER"],
] as const) {
  test(`rule 19: trailers with ${what} throw where the app can see it`, async () => {
    let thrown: unknown;
    const app: App = (environ, startResponse) => {
      try {
        environ["tsgi.exchange"].addTrailers?.(trailers as never);
      } catch (error) {
        thrown = error;
      }
      return ok(environ, startResponse);
    };
    const response = await request(app, "/");
    assert.equal(await response.text(), "ok");
    assert.deepEqual([(thrown as { code: string }).code, response.trailers], [code, []]);
  });
}

test("rule 19: trailers after the end throw", async () => {
  let late: (() => void) | undefined;
  const app: App = (environ, startResponse) => {
    late = () => environ["tsgi.exchange"].addTrailers?.([["X-A", "1"]]);
    return ok(environ, startResponse);
  };
  await (await request(app, "/")).text();
  assert.throws(() => late?.(), { code: "TSGI_RESPONSE_OVER" });
});

test("rule 19: a server that has no trailers drops their announcement", () => {
  const heads: unknown[] = [];
  const sink: Sink = { ...notingSink(), writeHead: (_status, headers) => void heads.push(headers) };
  const environ = { REQUEST_METHOD: "GET", REQUEST_URI: "/", "tsgi.errors": { write() {} } } as unknown as Environ;
  const exchange = new Responder(sink, {});
  exchange.run((_environ, startResponse) => {
    startResponse("200 OK", [
      ["X-A", "1"],
      ["Trailer", "X-B"],
    ]);
    return "a";
  }, environ);
  assert.deepEqual([heads, exchange.addTrailers], [[[["X-A", "1"]]], undefined]);
});
