import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cascade } from "../middleware/cascade.ts";
import { dispatcher } from "../middleware/dispatcher.ts";
import { hosts } from "../middleware/hosts.ts";
import { router } from "../middleware/router.ts";
import { staticFiles } from "../middleware/static-files.ts";
import { notFound, text } from "../src/apps.ts";
import type { App } from "../src/gateway.ts";
import { fileTree } from "./support/file-tree.ts";
import { bodyOf, transcript } from "./support/transcript.ts";

const site = text("site");
const guard = text("guard");

/** What else may stand for `/admin`, in requests that real clients can send. */
const SPELLINGS = [
  "/admin",
  "/%61dmin",
  "/%61%64%6d%69%6e",
  "/%61%64%6D%69%6E",
  "//admin",
  "///admin",
  "/./admin",
  "/%2e/admin",
  "/x/../admin",
  "/x/%2e%2e/admin",
  "/x/.%2E/admin",
  "/x%2f/../admin",
  "/x%5c/..//admin",
  "/../admin",
  "/x//../..//admin",
  "/x/y/../../admin",
  "/admin/.",
  "/admin/x/..",
  "/admin//.//",
  "http://elsewhere.example/admin",
  "http://elsewhere.example//%61dmin",
  "HTTPS://elsewhere.example:1/x/../admin",
];

/** What names something else, and reaches the site. */
const OTHERS = [
  "/",
  "/administrator",
  "/ADMIN",
  "/%2561dmin",
  "/%252e/admin",
  "/x/%252e%252e/admin",
  "/admin%252fx",
  "/admin%20",
  "/admin%09",
  "/%20/admin",
  "/admin.",
  "/admin...",
  "/.../admin",
  "/admin%3f",
  "/admin%23",
  "/admin%ff",
  "/admin%c0%af",
  "/%c0%af/admin",
  "/x%2fadmin",
  "/x;y/admin",
  "/x?/../admin",
  "/?/admin",
  "/admin/..",
  "/admin/../",
];

/** What an app that decodes the path before it routes takes for `/admin`. */
const AMBIGUOUS = [
  "/admin%2f",
  "/admin%2F..",
  "/admin%2f..%2f",
  "/admin%2fx%5c..%5c..%5cy",
  "/x%2F..%2Fadmin",
  "/x%2F%2F..%2Fadmin",
  "/x%2F;y%2F..%5cadmin",
  "/%2fadmin",
  "/..%2fadmin",
  "/x%2f..;%2fadmin",
  "/\\admin",
  "/%5cadmin",
  "/x\\..\\admin",
  "/x/..\\admin",
  "/admin\\",
  "/admin\\..\\x",
  "/admin;x",
  "/admin;/x",
  "/admin;x=/..;/admin",
  "/;/admin",
  "/..;/admin",
  "/.;/admin",
  "/x/..;/admin",
];

/** What no server lets through. */
const MALFORMED = [
  "/admin%00",
  "/%/admin",
  "/%6/admin",
  "/admin%zz",
  "/x#/../admin",
  "/admin%u002fx",
  "/%u002fadmin",
  "admin",
  "http:/admin",
  "http:///admin",
];

const files = await fileTree({ "admin/users": "secret", "@dmin/users": "secret", "index.html": "site" });

/** Each way to put a guard before a site, and the site as it is behind the guard. */
const guards: Record<string, (at: string) => App> = {
  dispatcher: (at) => dispatcher(site, { [at]: guard }),
  "a nested dispatcher": (at) => dispatcher(notFound, { "/": dispatcher(site, { [at]: guard }) }),
  "a dispatcher as fallback": (at) => dispatcher(dispatcher(site, { [at]: guard }), { "/y": site }),
  "a dispatcher with a pattern": (at) => dispatcher(site, { [`${at}{/*rest}`]: guard }),
  "a dispatcher whose site is mounted at the root": (at) => dispatcher(notFound, { "/": site, [at]: guard }),
  router: (at) => router(site, { [at]: guard, [`${at}/*rest`]: guard }),
  "a router with an optional rest": (at) => router(site, { [`${at}{/*rest}`]: guard }),
  "hosts and cascade": (at) => hosts(cascade([dispatcher(notFound, { [at]: guard }), site]), {}),
};

for (const [name, make] of Object.entries(guards)) {
  test(`guard: no spelling of a path passes ${name}`, async () => {
    for (const spelling of SPELLINGS) {
      for (const suffix of ["", "/", "//", "/users", "?x", "?/../x"]) {
        assert.equal(await bodyOf(make("/admin"), spelling + suffix), "guard", spelling + suffix);
      }
    }
    for (const other of OTHERS) assert.equal(await bodyOf(make("/admin"), other), "site", other);
    for (const ambiguous of AMBIGUOUS) {
      for (const suffix of ["", "/users", "?x"]) {
        assert.equal(await bodyOf(make("/admin"), ambiguous + suffix), "Bad Request\n", ambiguous + suffix);
      }
    }
    for (const malformed of MALFORMED) {
      assert.equal(await bodyOf(make("/admin"), malformed), "400 Bad Request\n", malformed);
    }
    for (const spelling of ["/@dmin", "/%40dmin", "//%40%64min", "/x/../%40dmin/"]) {
      assert.equal(await bodyOf(make("/@dmin"), spelling), "guard", spelling);
      assert.equal(await bodyOf(make("/%40%64min"), spelling), "guard", spelling);
    }
    for (const spelling of ["/caf%c3%a9", "/caf\u00e9", "//c%61f%C3%A9"]) {
      assert.equal(await bodyOf(make("/caf\u00e9"), spelling), "guard", spelling);
    }
  });
}

test("guard: below a mount it cannot be passed either", async () => {
  const app = dispatcher(site, { "/a/:b": dispatcher(text("shop"), { "/admin": guard }) });
  const below = SPELLINGS.filter((spelling) => spelling.startsWith("/") && !spelling.startsWith("/../"));
  for (const spelling of below) assert.equal(await bodyOf(app, `/a/x${spelling}`), "guard", spelling);
  for (const other of ["/a", "/admin", "/a/x/../../admin", "/x/a/b/admin"])
    assert.equal(await bodyOf(app, other), "site", other);
});

test("guard: PATH_INFO is what a guard has seen, however a client spells it", async () => {
  const app: App = (environ, startResponse) => {
    startResponse("200 OK", []);
    return `${environ.SCRIPT_NAME}|${environ.PATH_INFO}`;
  };
  const outer = dispatcher(site, { "/admin": app });
  assert.equal(
    await transcript(outer, "/x/%2e%2e//%61dmin/%7Euser/%2f?x"),
    "200 OK\ncontent-length: 17\n\n/admin|/~user/%2F",
  );
});

const staticGuards: Record<string, App> = {
  "by a dispatcher": dispatcher(staticFiles(site, { "/": files }), { "/admin": guard, "/@dmin": guard }),
  "by a pattern": dispatcher(staticFiles(site, { "/": files }), { "/admin{/*rest}": guard, "/@dmin{/*rest}": guard }),
  "by a router": router(staticFiles(site, { "/": files }), {
    "/admin{/*rest}": guard,
    "/@dmin{/*rest}": guard,
  }),
};

for (const [how, app] of Object.entries(staticGuards)) {
  test(`guard: no spelling of a path reaches a static file that is guarded ${how}`, async () => {
    for (const spelling of SPELLINGS) assert.equal(await bodyOf(app, `${spelling}/users`), "guard", spelling);
    for (const other of [...OTHERS, ...AMBIGUOUS]) {
      assert.notEqual(await bodyOf(app, `${other}/users`.replace("//", "/")), "secret", other);
    }
  });

  test(`guard: no path at all reaches a static file that is guarded ${how}`, async () => {
    const part = fc.constantFrom(
      ...["/", "//", "/.", "/..", "/x", "/admin", "/@dmin", "/users", "%2f", "%5c", "\\", ";", "%2e", "%2e%2e", "%61"],
      ...["admin", "dmin", "users", "%40", "a", "%00", "%ff", "?x", "%25", ".", " "],
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), async (parts) => {
        assert.notEqual(await bodyOf(app, `/${parts.join("")}`), "secret");
      }),
      { numRuns: 1500 },
    );
  });
}

test("guard: every spelling of a guarded path, letter by letter and slash by slash, is guarded", async () => {
  const letter = (char: string) => {
    const hex = char.charCodeAt(0).toString(16);
    return fc.constantFrom(char, `%${hex}`, `%${hex.toUpperCase()}`);
  };
  const slash = fc.constantFrom("/", "//", "/./", "/x/../", "/%2e/", "/x/%2E%2e/", "/%2e/x/.%2e//", "/x/y/../../");
  const spelling = fc.tuple(...[..."/@dmin/users"].map((char) => (char === "/" ? slash : letter(char))));
  const origin = fc.constantFrom("", "http://h", "https://h:1", "HTTP://[::1]");
  await fc.assert(
    fc.asyncProperty(origin, spelling, async (start, chars) => {
      const url = start + chars.join("");
      for (const app of Object.values(staticGuards)) assert.equal(await bodyOf(app, url), "guard");
      for (const make of Object.values(guards)) assert.equal(await bodyOf(make("/@dmin"), url), "guard");
    }),
    { numRuns: 300 },
  );
});
