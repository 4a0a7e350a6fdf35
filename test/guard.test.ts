import assert from "node:assert/strict";
import { test } from "node:test";
import { dispatcher } from "../middleware/dispatcher.ts";
import { router } from "../middleware/router.ts";
import { notFound, text } from "../src/apps.ts";
import type { App } from "../src/gateway.ts";
import { bodyOf } from "./transcript.ts";

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
  "/../admin",
  "/x//../..//admin",
  "/x/y/../../admin",
  "http://elsewhere.example/admin",
  "http://elsewhere.example//%61dmin",
];

/** What names something else, and reaches the site. */
const OTHERS = [
  "/administrator",
  "/ADMIN",
  "/admin%2f",
  "/admin%2F..",
  "/x%2F..%2Fadmin",
  "/\\admin",
  "/%5cadmin",
  "/admin;x",
  "/%2561dmin",
  "/admin%20",
];

const guards: Record<string, (at: string) => App> = {
  dispatcher: (at) => dispatcher(site, { [at]: guard }),
  "a nested dispatcher": (at) => dispatcher(notFound, { "/": dispatcher(site, { [at]: guard }) }),
  "a dispatcher with a pattern": (at) => dispatcher(site, { [`${at}{/*rest}`]: guard }),
  router: (at) => router(site, { [at]: guard, [`${at}/*rest`]: guard }),
};

for (const [name, make] of Object.entries(guards)) {
  test(`guard: no spelling of a path passes ${name}`, async () => {
    for (const spelling of SPELLINGS) {
      for (const suffix of ["", "/", "/users", "?x"]) {
        assert.equal(await bodyOf(make("/admin"), spelling + suffix), "guard", spelling + suffix);
      }
    }
    for (const other of OTHERS) assert.equal(await bodyOf(make("/admin"), other), "site", other);
    for (const spelling of ["/@dmin", "/%40dmin", "//%40%64min"]) {
      assert.equal(await bodyOf(make("/@dmin"), spelling), "guard", spelling);
    }
  });
}
