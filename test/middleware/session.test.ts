import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  memorySessionStore,
  type Session,
  type SessionOptions,
  type SessionStore,
  session,
  sessionOf,
} from "../../middleware/session.ts";
import { text } from "../../src/apps.ts";
import type { App, Environ } from "../../src/gateway.ts";
import { query } from "../../src/http/query.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";
import { allOwned } from "../support/unowned.ts";
import { Visitor } from "../support/visitor.ts";

const KEY = "k".repeat(32);
const OTHER_KEY = "o".repeat(32);

/** What a page does with its session, by its path. */
const pages: Record<string, (session: Session, environ: Environ) => unknown> = {
  "/get": (session, environ) => session.get(query(environ).get("name") ?? "user"),
  "/set": (session, environ) => {
    for (const [name, value] of query(environ)) session.set(name, value);
  },
  "/login": (session) => {
    session.rotate();
    session.set("user", "ann");
  },
  "/logout": (session) => session.clear(),
  "/delete": (session) => session.delete("user"),
  "/flash": (session) => session.flash("notice", "Saved"),
  "/flashed": (session) => session.flashed("notice"),
  "/push": (session) => (session.get("cart") as unknown[]).push("more"),
  "/cart": (session) => session.set("cart", []),
  "/new": (session) => session.isNew,
};

const site: App = async (environ, startResponse) => {
  const page = pages[environ.PATH_INFO];
  const result = page === undefined ? "unasked" : page(await sessionOf(environ), environ);
  return text(JSON.stringify(result) ?? "undefined")(environ, startResponse);
};

const sealed = (options: Partial<SessionOptions> = {}): App => session(site, { keys: [KEY], ...options });
const stored = (options: Partial<SessionOptions> = {}): App =>
  session(site, { store: memorySessionStore(), ...options });
const kinds = { "a sealed cookie": sealed, "a store": stored };
const NAME = "__Host-session";

for (const [where, make] of Object.entries(kinds)) {
  test(`session, in ${where}: a visitor is known again, and another is not`, async () => {
    const app = make();
    const ann = new Visitor(app);
    assert.equal(await ann.read("/new"), "true");
    await ann.ask("/set?user=ann&theme=dark");
    assert.deepEqual([await ann.read("/get"), await ann.read("/get?name=theme")], ['"ann"', '"dark"']);
    assert.equal(await ann.read("/new"), "false");
    assert.equal(await new Visitor(app).read("/get"), "undefined");
  });

  test(`session, in ${where}: who does not ask for it gets nothing of it`, async () => {
    const response = await request(make(), "/unasked", { headers: { Cookie: "session=x" } });
    assert.deepEqual(await seen(response), plain(200, '"unasked"'));
  });

  test(`session, in ${where}: it is set by the whole response, and only where it has changed`, async () => {
    const visitor = new Visitor(make());
    const first = await visitor.ask("/set?user=ann");
    const value = visitor.cookies.get(NAME);
    assert.deepEqual(
      await seen(first),
      plain(200, "undefined", {
        "cache-control": "private",
        "set-cookie": `${NAME}=${value}; Path=/; HttpOnly; Secure; SameSite=Lax`,
        vary: "Cookie",
      }),
    );
    for (const path of ["/get", "/set?user=ann", "/set?user=ann&user=bob&user=ann"]) {
      const { headers } = await visitor.ask(path);
      assert.deepEqual(
        [headers.get("set-cookie"), headers.get("vary"), headers.get("cache-control")],
        [null, "Cookie", "private"],
        path,
      );
    }
  });

  test(`session, in ${where}: nothing that is empty is kept`, async () => {
    const visitor = new Visitor(make());
    for (const path of ["/logout", "/delete", "/flashed", "/get"]) {
      assert.equal((await visitor.ask(path)).headers.get("set-cookie"), null, path);
    }
    await visitor.ask("/set?user=ann");
    const { headers } = await visitor.ask("/delete");
    assert.equal(headers.get("set-cookie"), `${NAME}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`);
    assert.equal(visitor.cookies.size, 0);
  });

  test(`session, in ${where}: what is changed within a value is kept`, async () => {
    const visitor = new Visitor(make());
    await visitor.ask("/cart");
    await visitor.ask("/push");
    await visitor.ask("/push");
    assert.equal(await visitor.read("/get?name=cart"), '["more","more"]');
  });

  test(`session, in ${where}: a message is read once, however many requests later`, async () => {
    const visitor = new Visitor(make());
    await visitor.ask("/flash");
    await visitor.ask("/get");
    assert.equal(await visitor.read("/get?name=notice"), "undefined");
    assert.deepEqual([await visitor.read("/flashed"), await visitor.read("/flashed")], ['"Saved"', "undefined"]);
    assert.equal(visitor.cookies.size, 0);
  });

  test(`session, in ${where}: no name is one of an object's members`, async () => {
    const visitor = new Visitor(make());
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      assert.equal(await visitor.read(`/get?name=${name}`), "undefined", name);
      await visitor.ask(`/set?${name}=mine`);
      assert.equal(await visitor.read(`/get?name=${name}`), '"mine"', name);
    }
    assert.equal(({} as Record<string, unknown>).mine, undefined);
  });

  test(`session, in ${where}: an id or a cookie that the client has chosen is none`, async () => {
    const app = make();
    for (const chosen of [
      "x",
      "A".repeat(43),
      "A".repeat(100),
      "A".repeat(4096),
      "A".repeat(10_000),
      "%00",
      "[]",
      "",
    ]) {
      const visitor = new Visitor(app);
      visitor.cookies.set(NAME, chosen);
      assert.equal(await visitor.read("/get"), "undefined");
      await visitor.ask("/set?user=ann");
      assert.notEqual(visitor.cookies.get(NAME), chosen);
    }
  });

  test(`session, in ${where}: who has prepared a session is not logged in with its owner`, async () => {
    const app = make();
    const thief = new Visitor(app);
    await thief.ask("/set?theme=dark");
    const victim = thief.copy();
    await victim.ask("/login");
    assert.deepEqual([await victim.read("/get"), await thief.read("/get")], ['"ann"', "undefined"]);
    assert.equal(await victim.read("/get?name=theme"), '"dark"');
  });

  test(`session, in ${where}: a cookie of http: is not one of https:`, async () => {
    const app = make();
    const visitor = new Visitor(app, "http://site.example");
    const { headers } = await visitor.ask("/set?user=ann");
    assert.match(headers.get("set-cookie") ?? "", /^session=[\w-]+; Path=\/; HttpOnly; SameSite=Lax$/);
    const secure = new Visitor(app);
    for (const name of ["session", ...(where === "a store" ? [] : [NAME])]) {
      secure.cookies.set(name, visitor.cookies.get("session") as string);
    }
    assert.equal(await secure.read("/get"), "undefined");
  });

  test(`session, in ${where}: it ends when it was not used, and when it is old`, async (context) => {
    context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
    const options = { idleAge: 10_000, maxAge: 25_000 };
    const visitor = new Visitor(make(options));
    const step = async (milliseconds: number) => {
      context.mock.timers.tick(milliseconds);
      const response = await visitor.ask("/get");
      return [await response.text(), response.headers.has("set-cookie")];
    };
    await visitor.ask("/set?user=ann");
    const isSealed = where === "a sealed cookie";
    assert.deepEqual(await step(999), ['"ann"', false]);
    assert.deepEqual(await step(8_999), ['"ann"', isSealed]);
    assert.deepEqual(await step(9_999), ['"ann"', isSealed]);
    assert.deepEqual(await step(5_002), ['"ann"', isSealed]);
    assert.deepEqual(await step(1), ["undefined", false]);
    await visitor.ask("/set?user=bob");
    assert.deepEqual(await step(10_000), ["undefined", false]);
  });

  test(`session, in ${where}: one that is persistent has its age in the cookie, and gets another one`, async (context) => {
    context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
    const visitor = new Visitor(make({ idleAge: 10_000, maxAge: 12_000, persistent: true }));
    const ageOf = async (path: string) =>
      /Max-Age=(\d+)/.exec((await visitor.ask(path)).headers.get("set-cookie") ?? "")?.[1];
    assert.equal(await ageOf("/set?user=ann"), "10");
    context.mock.timers.tick(5_000);
    assert.equal(await ageOf("/get"), "7");
  });

  test(`session, in ${where}: a change after startResponse throws, and a reading does not`, async () => {
    const late: App = async function* (environ, startResponse) {
      const before = await sessionOf(environ);
      before.set("user", "ann");
      startResponse("200 OK", []);
      const found = await sessionOf(environ);
      for (const change of [
        () => found.set("user", "bob"),
        () => found.delete("user"),
        () => found.clear(),
        () => found.rotate(),
        () => found.flash("a", 1),
        () => found.flashed("a"),
      ]) {
        assert.throws(change, { code: "TSGI_SESSION_CLOSED" });
      }
      yield String(found.get("user"));
    };
    const options = where === "a store" ? { store: memorySessionStore() } : { keys: [KEY] };
    const visitor = new Visitor(session(late, options));
    assert.equal(await visitor.read("/"), "ann");
    const never: App = async (environ, startResponse) => {
      startResponse("200 OK", []);
      (await sessionOf(environ)).set("a", 1);
      return "";
    };
    await assert.rejects(visitor.read.call(new Visitor(session(never, options)), "/"), { code: "TSGI_SESSION_CLOSED" });
  });

  test(`session, in ${where}: what JSON cannot hold is refused where it is set, or when the response begins`, async () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    for (const value of [() => {}, Symbol("a"), 1n, cycle]) {
      const app: App = async (environ, startResponse) => {
        const found = await sessionOf(environ);
        assert.throws(() => found.set("a", value), { code: "TSGI_BAD_JSON" });
        assert.throws(() => found.flash("a", value), { code: "TSGI_BAD_JSON" });
        const list: unknown[] = [];
        found.set("list", list);
        list.push(cycle);
        return text("")(environ, startResponse);
      };
      const options = where === "a store" ? { store: memorySessionStore() } : { keys: [KEY] };
      await assert.rejects(request(session(app, options), "/"), { code: "TSGI_BAD_JSON" });
    }
  });

  test(`session, in ${where}: an app that fails writes nothing`, async () => {
    const writes: string[] = [];
    const memory = memorySessionStore();
    const store: SessionStore = { ...memory, create: (key) => writes.push(key) };
    const failing: App = async (environ) => {
      (await sessionOf(environ)).set("user", "ann");
      throw new Error("boom");
    };
    const options = where === "a store" ? { store } : { keys: [KEY] };
    await assert.rejects(request(session(failing, options), "/"), { message: "boom" });
    assert.deepEqual(writes, []);
  });

  test(`session, in ${where}: a cookie is never shared by caches, and what the app says otherwise stays`, async () => {
    const says = (control: string): App =>
      session(
        async (environ, startResponse) => {
          (await sessionOf(environ)).set("user", "ann");
          startResponse("200 OK", [
            ["Cache-Control", control],
            ["Vary", "Accept"],
          ]);
        },
        where === "a store" ? { store: memorySessionStore() } : { keys: [KEY] },
      );
    for (const [control, expected] of [
      ["public, max-age=60", "private"],
      ["max-age=60", "private"],
      ["no-store", "no-store"],
      ["private, max-age=60", "private, max-age=60"],
    ] as const) {
      const { headers } = await request(says(control), "/");
      assert.deepEqual([headers.get("cache-control"), headers.get("vary")], [expected, "Accept, Cookie"]);
    }
  });

  test(`session, in ${where}: HEAD, a stream and write have the cookie too`, async () => {
    const visitor = new Visitor(make());
    await visitor.ask("/set?user=ann", { method: "HEAD" });
    assert.equal(await visitor.read("/get"), '"ann"');
    const options = where === "a store" ? { store: memorySessionStore() } : { keys: [KEY] };
    for (const app of [
      async function* (environ, startResponse) {
        (await sessionOf(environ)).set("user", "ann");
        startResponse("200 OK", []);
        yield "a";
        await sleep(1);
        yield "b";
      },
      async (environ, startResponse) => {
        (await sessionOf(environ)).set("user", "ann");
        await startResponse("200 OK", [])("ab");
      },
    ] satisfies App[]) {
      const each = new Visitor(session(app, options));
      assert.equal(await each.read("/"), "ab");
      assert.equal(each.cookies.size, 1);
    }
  });
}

test("session: without one, asking for it says how to get one", async () => {
  await assert.rejects(request(site, "/get"), { code: "TSGI_NO_SESSION" });
});

test("session: of two around an app, each with a cookie of its own, the inner one counts", async () => {
  const visitor = new Visitor(sealed({ name: "inner" }));
  const outer = new Visitor(session(sealed({ name: "inner" }), { keys: [KEY] }));
  await outer.ask("/set?user=ann");
  assert.deepEqual([...outer.cookies.keys()], ["inner"]);
  visitor.cookies.set("inner", outer.cookies.get("inner") as string);
  assert.equal(await visitor.read("/get"), '"ann"');
});

// What is sealed.

/** Every way to change a cookie: each byte, less, more, and parts of two. */
function* tampered(cookie: string, other: string): Generator<string> {
  const bytes = Buffer.from(cookie, "base64url");
  for (const index of bytes.keys()) {
    for (const bit of [1, 128]) {
      const changed = Buffer.from(bytes);
      changed[index] = (bytes[index] as number) ^ bit;
      yield changed.toString("base64url");
    }
  }
  for (let length = 0; length < bytes.length; length++) yield bytes.subarray(0, length).toString("base64url");
  yield Buffer.concat([bytes, Buffer.of(0)]).toString("base64url");
  yield Buffer.concat([bytes.subarray(0, 16), Buffer.from(other, "base64url").subarray(16)]).toString("base64url");
}

test("session, in a sealed cookie: no change of a cookie opens it", async () => {
  const app = sealed();
  const [ann, bob] = [new Visitor(app), new Visitor(app)];
  await ann.ask("/set?user=ann");
  await bob.ask("/set?user=bob");
  const cookie = ann.cookies.get(NAME) as string;
  for (const changed of tampered(cookie, bob.cookies.get(NAME) as string)) {
    ann.cookies.set(NAME, changed);
    assert.equal(await ann.read("/get"), "undefined", changed);
  }
  ann.cookies.set(NAME, cookie);
  assert.equal(await ann.read("/get"), '"ann"');
});

test("session, in a sealed cookie: nothing can be read from it, and no two are the same", async () => {
  const app = sealed();
  const cookies = new Set<string>();
  for (let count = 0; count < 20; count++) {
    const visitor = new Visitor(app);
    await visitor.ask("/set?user=secretname");
    const cookie = visitor.cookies.get(NAME) as string;
    assert.ok(!Buffer.from(cookie, "base64url").includes("secret"));
    cookies.add(Buffer.from(cookie, "base64url").subarray(4, 16).toString("hex"));
  }
  assert.equal(cookies.size, 20);
});

test("session, in a sealed cookie: it is worth nothing under another name or another key", async () => {
  const ann = new Visitor(sealed());
  await ann.ask("/set?user=ann");
  const cookie = ann.cookies.get(NAME) as string;
  for (const [name, options] of [
    ["__Host-other", { name: "__Host-other" }],
    [NAME, { keys: [OTHER_KEY] }],
  ] as const) {
    const other = new Visitor(sealed(options));
    other.cookies.set(name, cookie);
    assert.equal(await other.read("/get"), "undefined");
  }
});

test("session, in a sealed cookie: a key is replaced without a loss, and what an old one sealed is sealed anew", async () => {
  const old = new Visitor(sealed());
  await old.ask("/set?user=ann");
  const before = old.cookies.get(NAME) as string;
  const both = new Visitor(sealed({ keys: [OTHER_KEY, KEY] }));
  both.cookies.set(NAME, before);
  assert.equal(await both.read("/get"), '"ann"');
  const after = both.cookies.get(NAME) as string;
  assert.notEqual(after, before);
  assert.equal((await both.ask("/get")).headers.get("set-cookie"), null);
  const onlyNew = new Visitor(sealed({ keys: [OTHER_KEY] }));
  onlyNew.cookies.set(NAME, after);
  assert.equal(await onlyNew.read("/get"), '"ann"');
  onlyNew.cookies.set(NAME, before);
  assert.equal(await onlyNew.read("/get"), "undefined");
});

test("session, in a sealed cookie: another process with the same key knows it", async () => {
  const one = new Visitor(sealed());
  await one.ask("/set?user=ann");
  const restarted = new Visitor(sealed());
  restarted.cookies.set(NAME, one.cookies.get(NAME) as string);
  assert.equal(await restarted.read("/get"), '"ann"');
});

test("session, in a sealed cookie: a copy goes on after a logout, until its age ends it", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const ann = new Visitor(sealed({ idleAge: 10_000 }));
  await ann.ask("/login");
  const thief = ann.copy();
  await ann.ask("/logout");
  assert.equal(ann.cookies.size, 0);
  assert.equal(await thief.read("/get"), '"ann"');
  context.mock.timers.tick(10_000);
  assert.equal(await thief.read("/get"), "undefined");
});

test("session, in a sealed cookie: one that is too large for a cookie throws where the response begins", async () => {
  const visitor = new Visitor(sealed());
  assert.equal((await visitor.ask(`/set?user=${"a".repeat(2900)}`)).status, 200);
  assert.equal((await visitor.read("/get")).length, 2902);
  await assert.rejects(visitor.ask(`/set?user=${"a".repeat(3100)}`), { code: "TSGI_SESSION_TOO_LARGE" });
});

// What is stored.

test("session, in a store: a copy of the cookie is worth nothing after a logout or a rotation", async () => {
  for (const end of ["/logout", "/login", "/delete"]) {
    const ann = new Visitor(stored());
    await ann.ask("/set?user=bob");
    const thief = ann.copy();
    await ann.ask(end);
    assert.equal(await thief.read("/get"), "undefined", end);
    await thief.ask("/set?theme=dark");
    assert.equal(await thief.read("/get"), "undefined", end);
  }
});

test("session, in a store: it knows no id", async () => {
  const keys: string[] = [];
  const memory = memorySessionStore();
  const store: SessionStore = {
    ...memory,
    create: (key, kept, lifetime) => {
      keys.push(key, kept);
      return memory.create(key, kept, lifetime);
    },
  };
  const ann = new Visitor(stored({ store }));
  await ann.ask("/set?user=ann");
  const id = ann.cookies.get(NAME) as string;
  assert.equal(keys.length, 2);
  assert.ok(!keys.join().includes(id));
  ann.cookies.set(NAME, keys[0] as string);
  assert.equal(await ann.read("/get"), "undefined");
});

/** A store that holds each reading back until the test lets go of all of them. */
function meeting(count: number): SessionStore {
  const memory = memorySessionStore();
  let waiting: (() => void)[] = [];
  return {
    ...memory,
    async get(key) {
      const found = await memory.get(key);
      if (count > 0) {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          if (waiting.length < count) return;
          count = 0;
          for (const go of waiting) go();
          waiting = [];
        });
      }
      return found;
    },
  };
}

/** What becomes of a session that several requests have read before any of them writes it. */
async function together(paths: readonly string[]): Promise<Visitor> {
  const memory = meeting(paths.length);
  const app = stored({ store: memory, storeTimeout: 5000 });
  const visitor = new Visitor(app);
  await visitor.ask("/set?user=ann&theme=light");
  const all = paths.map(async (path) => {
    const each = visitor.copy();
    await each.ask(path);
  });
  await Promise.all(all);
  return visitor;
}

test("session, in a store: requests at the same time keep what each has changed", async () => {
  const visitor = await together(["/set?a=1", "/set?b=2", "/set?theme=dark", "/flash", "/get", "/set?c=3"]);
  for (const [name, value] of Object.entries({ a: "1", b: "2", c: "3", theme: "dark", user: "ann" })) {
    assert.equal(await visitor.read(`/get?name=${name}`), JSON.stringify(value));
  }
  assert.equal(await visitor.read("/flashed"), '"Saved"');
});

test("session, in a store: what one request ends, no other brings to life", async () => {
  for (const others of [["/set?a=1"], ["/login"], ["/set?a=1", "/login", "/cart"]]) {
    const memory = meeting(1 + others.length);
    // The logout is written first.
    let isOut: (() => void) | undefined;
    const loggedOut = new Promise<void>((resolve) => {
      isOut = resolve;
    });
    const app = session(
      async (environ, startResponse) => {
        const found = await sessionOf(environ);
        if (environ.PATH_INFO !== "/logout") await loggedOut;
        return site(environ, (...start) => {
          assert.ok(found);
          return startResponse(...start);
        });
      },
      { store: memory, storeTimeout: 5000 },
    );
    const setup = new Visitor(session(site, { store: memory }));
    await setup.ask("/set?user=ann");
    const browser = new Visitor(app);
    browser.cookies.set(NAME, setup.cookies.get(NAME) as string);
    const copies = others.map(() => browser.copy());
    const pending = copies.map((each, index) => each.ask(others[index] as string));
    await browser.ask("/logout");
    isOut?.();
    for (const response of await Promise.all(pending)) assert.equal(response.headers.get("set-cookie"), null);
    for (const each of copies) assert.equal(await each.read("/get"), "undefined", others.join());
  }
});

const UNAVAILABLE = plain(503, "Service Unavailable\n", { "retry-after": "1" });
const failures: Record<string, () => never> = {
  throws: () => {
    throw new Error("store is down");
  },
  rejects: () => Promise.reject(new Error("store is down")) as never,
  hangs: () => new Promise(() => {}) as never,
};

for (const [how, fail] of Object.entries(failures)) {
  test(`session, in a store: where that ${how}, requests that need it are a 503, and it is reported once`, () =>
    allOwned(async () => {
      const memory = memorySessionStore();
      const setup = new Visitor(stored({ store: memory }));
      await setup.ask("/set?user=ann");
      const errors: string[] = [];
      const ask = async (visitor: Visitor, path: string, options: RequestOptions = {}) => {
        const response = await visitor.ask(path, options);
        errors.push(response.errors);
        return seen(response);
      };
      const reading = new Visitor(stored({ store: { ...memory, get: fail }, storeTimeout: 20 }));
      reading.cookies.set(NAME, setup.cookies.get(NAME) as string);
      assert.deepEqual(await ask(reading, "/get"), UNAVAILABLE);
      assert.deepEqual(await ask(reading, "/get"), UNAVAILABLE);
      assert.equal((await ask(reading, "/unasked")).status, 200);
      assert.match(errors.join(""), /^GET \/get: TsgiError: the store of session (?:failed|took more than 20 ms)/);
      assert.equal(errors.join("").split("TsgiError").length, 2);
      // Who has no cookie has nothing to be read.
      assert.equal((await ask(new Visitor(stored({ store: { ...memory, get: fail } })), "/get")).status, 200);

      for (const [member, path] of [
        ["create", "/set?user=ann"],
        ["delete", "/logout"],
        ["delete", "/login"],
        ["replace", "/set?a=1"],
      ] as const) {
        const writing = new Visitor(stored({ store: { ...memory, [member]: fail }, storeTimeout: 20 }));
        if (member !== "create") writing.cookies.set(NAME, setup.cookies.get(NAME) as string);
        assert.deepEqual(await ask(writing, path), UNAVAILABLE, `${member} ${path}`);
      }
    }));
}

test("session, in a store: where only its age cannot be written, the response is sent", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const memory = memorySessionStore();
  const store = { ...memory, replace: failures.throws as never };
  const visitor = new Visitor(stored({ store }));
  await visitor.ask("/set?user=ann");
  context.mock.timers.tick(80_000_000);
  const response = await visitor.ask("/get");
  assert.equal(await response.text(), '"ann"');
  assert.match(response.errors, /store is down/);
});

test("session, in a store: a body that is not sent, as its session cannot be written, is closed", async () => {
  let closed = 0;
  const app: App = async (environ, startResponse) => {
    (await sessionOf(environ)).set("user", "ann");
    startResponse("200 OK", []);
    return { [Symbol.iterator]: () => ["a"].values(), close: () => closed++ } as Iterable<string>;
  };
  const store = { ...memorySessionStore(), create: failures.throws as never };
  assert.equal((await request(session(app, { store }), "/")).status, 503);
  assert.equal(closed, 1);
});

test("session, in a store: an app that is asked for nothing while the store fails may answer by itself", async () => {
  const app: App = async (environ, startResponse) => {
    const found = await Promise.resolve(sessionOf(environ)).catch(() => undefined);
    return text(found === undefined ? "as a guest" : "")(environ, startResponse);
  };
  const store = { ...memorySessionStore(), get: failures.rejects as never };
  const headers = { Cookie: `${NAME}=${"A".repeat(43)}` };
  const response = await request(session(app, { store }), "https://site.example/", { headers });
  assert.deepEqual([response.status, await response.text()], [200, "as a guest"]);
});

test("session, in a store: what is not a session there is none", async () => {
  for (const content of ["", "x", "1,2,3", "1,2,", ",,", `${Date.now()},${Date.now()},{}`, "null", '"']) {
    const store = { ...memorySessionStore(), get: () => content };
    const visitor = new Visitor(stored({ store }));
    visitor.cookies.set(NAME, "A".repeat(43));
    assert.equal(await visitor.read("/new"), "true", content);
  }
});

test("session: wrong options throw when the app is built", () => {
  for (const options of [
    {},
    { keys: [] },
    { keys: [undefined] },
    { keys: ["short"] },
    { keys: KEY },
    { keys: [KEY], store: memorySessionStore() },
    { store: {} },
    { store: new Map() },
    { keys: [KEY], idleAge: 10 },
    { keys: [KEY], name: "a b" },
    { keys: [KEY], name: "__Host-a", path: "/a" },
    { keys: [KEY], domain: "a;b" },
    { keys: [KEY], sameSite: "no" },
    { keys: [KEY], secret: "x" },
  ]) {
    assert.throws(() => session(site, options as never), { code: "TSGI_BAD_OPTION" }, JSON.stringify(options));
  }
});

test("memorySessionStore: it is bounded, and forgets what was not used for longest", async () => {
  const store = memorySessionStore({ maxSize: 3000 });
  for (const key of ["a", "b", "c"]) store.create(key, "text", 60_000);
  for (let count = 0; count < 3; count++) store.create(`more ${count}`, "text", 60_000);
  assert.equal(store.get("a"), undefined);
  assert.equal(store.get("more 2"), "text");
  assert.equal(store.replace("more 2", "other", "new", 60_000), false);
  assert.equal(store.replace("gone", "text", "new", 60_000), false);
  assert.throws(() => memorySessionStore({ maxSize: 0 }), { code: "TSGI_BAD_OPTION" });
});
