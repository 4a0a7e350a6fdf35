/** What a real browser makes of `cors`, and what `csrf` makes of a real browser. Names below `localhost` are sites of their own. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { type CorsOptions, cors } from "../../../middleware/cors.ts";
import { csrf } from "../../../middleware/csrf.ts";
import { hosts } from "../../../middleware/hosts.ts";
import { html, notFound, redirect, text } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { setCookie } from "../../../src/http/cookies.ts";
import { query } from "../../../src/http/query.ts";
import { type Server, serve } from "../../../src/server/serve.ts";
import { launch, skip } from "../../support/browser.ts";

/** What the app was asked for, preflights aside. */
const asked: string[] = [];
let current: App = notFound;
let browser: Browser;
let server: Server;
let tab: Page;
let cases = 0;

const page = html("<!doctype html><title>a page</title>");
/** Sends the request on to where the query says, with its method and body. */
const bounce: App = (environ, startResponse) =>
  redirect(query(environ).get("to") ?? "/", { status: "307 Temporary Redirect" })(environ, startResponse);
const pages: App = (environ, startResponse) =>
  (environ.PATH_INFO === "/bounce" ? bounce : page)(environ, startResponse);

/** A page that counts as one of the public web, though it comes from this machine. */
const publicPage = html("<!doctype html><title>a public page</title>", {
  headers: [["Content-Security-Policy", "treat-as-public-address"]],
});

before(async () => {
  if (skip !== false) return;
  server = await serve(
    hosts((environ, startResponse) => current(environ, startResponse), {
      "ann.localhost": pages,
      "eve.localhost": pages,
      "web.localhost": publicPage,
    }),
    { port: 0 },
  );
  browser = await launch();
  tab = await browser.newPage();
  // It has the cookie of the site, as a user has who is logged in.
  site((app) => app);
  await tab.goto(at("api.site", "/page"));
});

after(async () => {
  await browser?.close();
  await server?.close({ grace: 0 });
});

const at = (name: string, path = "/"): string => `http://${name}.localhost:${server.port}${path}`;

/** The app at `api.site.localhost`, which is of the same site as `site.localhost`. */
function site(wrap: (app: App) => App): void {
  asked.length = 0;
  // Browsers remember preflights by URL.
  cases++;
  const answer: App = (environ, startResponse) => {
    asked.push(environ.REQUEST_METHOD);
    const { HTTP_COOKIE: cookie = "no cookie" } = environ;
    return text(cookie, { headers: [["X-Own", "own"]] })(environ, startResponse);
  };
  const wrapped = wrap(answer);
  current = (environ, startResponse) => {
    if (environ.PATH_INFO === "/favicon.ico") return notFound(environ, startResponse);
    if (environ.PATH_INFO !== "/page") return wrapped(environ, startResponse);
    startResponse("200 OK", setCookie([["Content-Type", "text/html"]], "user", "ann"));
    return "<!doctype html><title>a page</title>";
  };
}

/** The URL of the app, one of its own for each case. */
const target = (): string => at("api.site", `/${cases}`);

/** What a script gets: the status, a header and the body; or that it gets nothing. */
const FETCH = `async ([url, init]) => {
  try {
    const response = await fetch(url, init);
    return [response.status, response.headers.get("x-own"), await response.text()].join(" ");
  } catch { return "refused"; }
}`;

const SANDBOXED = `([url, init]) => new Promise((resolve) => {
  addEventListener("message", ({ data }) => resolve(data), { once: true });
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.srcdoc = "<script>(" + ${JSON.stringify(FETCH)} + ")(" + JSON.stringify([url, init]) + ").then((data) => parent.postMessage(data, '*'))</script>";
  document.body.append(frame);
})`;

interface Case {
  readonly what: string;
  readonly options: () => CorsOptions;
  readonly from: "ann" | "eve" | "site" | "null";
  readonly init?: object;
  readonly result: string;
  /** Whether the app was asked. */
  readonly asked?: string;
}

const anybody = (): CorsOptions => ({});
const ann = (): CorsOptions => ({ origins: [at("ann", "")], methods: ["GET", "PUT"] });
const annWithCookies = (): CorsOptions => ({ ...ann(), credentials: true, exposeHeaders: ["X-Own"] });
const GET = "GET";
const PLAIN = "200 own no cookie";
const json = { method: "PUT", headers: { "Content-Type": "application/json", "X-Other": "1" }, body: "{}" };

const TABLE: readonly Case[] = [
  { what: "any origin reads what is for all", options: anybody, from: "eve", result: PLAIN, asked: GET },
  { what: "a page without an origin too", options: anybody, from: "null", result: PLAIN, asked: GET },
  {
    what: "with credentials nobody reads what is for all",
    options: anybody,
    from: "ann",
    init: { credentials: "include" },
    result: "refused",
    asked: GET,
  },
  {
    what: "headers, also Authorization, may be sent to what is for all",
    options: anybody,
    from: "ann",
    init: { headers: { "X-Other": "1", Authorization: "Bearer x" } },
    result: PLAIN,
    asked: GET,
  },
  { what: "a method that is not allowed is not sent", options: anybody, from: "ann", init: json, result: "refused" },
  { what: "an origin in the list reads", options: ann, from: "ann", result: PLAIN, asked: GET },
  {
    what: "one that is not does not, though the app is asked",
    options: ann,
    from: "eve",
    result: "refused",
    asked: GET,
  },
  { what: "nor does a page without an origin", options: ann, from: "null", result: "refused", asked: GET },
  { what: "nor does a neighbour of the same site", options: ann, from: "site", result: "refused", asked: GET },
  {
    what: "null reads where it is listed",
    options: () => ({ origins: ["null"] }),
    from: "null",
    result: PLAIN,
    asked: GET,
  },
  {
    what: "an origin in the list sends what needs a preflight",
    options: ann,
    from: "ann",
    init: json,
    result: PLAIN,
    asked: "PUT",
  },
  { what: "one that is not does not send it", options: ann, from: "eve", init: json, result: "refused" },
  {
    what: "nor a method that is not allowed",
    options: ann,
    from: "ann",
    init: { method: "DELETE" },
    result: "refused",
  },
  {
    what: "with credentials an origin in the list reads, and sends any header",
    options: annWithCookies,
    from: "ann",
    init: { ...json, credentials: "include" },
    result: PLAIN,
    asked: "PUT",
  },
  {
    what: "with credentials a neighbour of the same site that is listed has the cookie",
    options: () => ({ origins: [at("site", "")], credentials: true, exposeHeaders: [] }),
    from: "site",
    init: { credentials: "include" },
    result: "200  user=ann",
    asked: GET,
  },
  {
    what: "with credentials any other does not read",
    options: annWithCookies,
    from: "eve",
    init: { credentials: "include" },
    result: "refused",
    asked: GET,
  },
];

test("cors, in a browser: the table of the Fetch standard", { skip }, async (t) => {
  for (const { what, options, from, init = {}, result, asked: expected } of TABLE) {
    await t.test(what, async () => {
      site((app) => cors(app, options()));
      const isSandboxed = from === "null";
      // A neighbour of the API is its page, whose cookie it is.
      await tab.goto(from === "site" ? at("site", "/page") : at(isSandboxed ? "ann" : from));
      const script = isSandboxed ? SANDBOXED : FETCH;
      const found = await tab.evaluate(`(${script})(${JSON.stringify([target(), init])})`);
      assert.deepEqual([found, asked], [result, expected === undefined ? [] : [expected]]);
    });
  }
});

/** Local Network Access: the user decides whether this machine is asked at all, and no header of `cors` changes that. */
test("cors, in a browser: pages of the public web", { skip }, async (t) => {
  if (Number.parseInt(browser.version(), 10) < 142) return t.skip("this Chromium does not ask its user");
  const preflights: string[] = [];
  for (const [what, permissions, options, result, expected] of [
    ["do not ask this machine, whatever it says", [], { privateNetwork: true }, "refused", undefined],
    ["ask it where the user lets them", ["local-network-access"], { methods: ["GET", "PUT"] }, PLAIN, "PUT"],
    ["send it nothing then that it does not take", ["local-network-access"], {}, "refused", undefined],
  ] as const) {
    await t.test(what, async () => {
      site((app) => (environ, startResponse) => {
        if (environ.REQUEST_METHOD === "OPTIONS") {
          preflights.push(environ.HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK ?? "asks for nothing");
        }
        return cors(app, options)(environ, startResponse);
      });
      const context = await browser.newContext();
      try {
        await context.grantPermissions([...permissions]);
        const open = await context.newPage();
        await open.goto(at("web"));
        const found = await open.evaluate(`(${FETCH})(${JSON.stringify([target(), { method: "PUT" }])})`);
        assert.deepEqual([found, asked], [result, expected === undefined ? [] : [expected]]);
      } finally {
        await context.close();
      }
    });
  }
  assert.deepEqual(preflights, ["asks for nothing", "asks for nothing"]);
});

test("cors, in a browser: an error of the app can be read", { skip }, async () => {
  site(() => cors(notFound));
  await tab.goto(at("ann"));
  const found = await tab.evaluate(`(${FETCH})(${JSON.stringify([target(), {}])})`);
  assert.equal(found, "404  Not Found\n");
});

/** Submits a form, and gives the text of the page that it leads to. */
const SUBMIT = `([action, attributes]) => {
  const form = document.createElement("form");
  Object.assign(form, { action, method: "post" }, attributes.form);
  if (attributes.policy) {
    const meta = document.createElement("meta");
    Object.assign(meta, { name: "referrer", content: attributes.policy });
    document.head.append(meta);
  }
  document.body.append(form);
  form.submit();
}`;

interface Form {
  readonly what: string;
  readonly from: string;
  readonly path?: string;
  readonly action?: () => string;
  readonly attributes?: object;
  readonly passes: boolean;
}

const FORMS: readonly Form[] = [
  { what: "a form of the site itself passes", from: "api.site", path: "/page", passes: true },
  {
    what: "so does one that hides where it comes from",
    from: "api.site",
    path: "/page",
    attributes: { policy: "no-referrer" },
    passes: true,
  },
  { what: "a form of another site does not", from: "eve", passes: false },
  { what: "nor one that hides where it comes from", from: "eve", attributes: { policy: "no-referrer" }, passes: false },
  {
    what: "nor one with text that looks like JSON",
    from: "eve",
    attributes: { form: { enctype: "text/plain" } },
    passes: false,
  },
  { what: "nor one of a neighbour of the same site", from: "site", path: "/page", passes: false },
  { what: "one of a trusted origin passes", from: "ann", passes: true },
  {
    what: "a form that another site sends on does not",
    from: "api.site",
    path: "/page",
    action: () => at("eve", `/bounce?to=${encodeURIComponent(target())}`),
    passes: false,
  },
  { what: "a link from another site passes", from: "eve", attributes: { form: { method: "get" } }, passes: true },
];

test("csrf, in a browser: forms of this site and of others", { skip }, async (t) => {
  for (const { what, from, path = "/", action = target, attributes = {}, passes } of FORMS) {
    await t.test(what, async () => {
      site((app) => csrf(app, { trustedOrigins: [at("ann", "")] }));
      await tab.goto(at(from, path));
      const isThere = tab.waitForURL((url) => url.hostname === "api.site.localhost" && url.pathname === `/${cases}`);
      await tab.evaluate(`(${SUBMIT})(${JSON.stringify([action(), attributes])})`);
      await isThere;
      const body = await tab.textContent("body");
      const isRefused = body?.startsWith("Forbidden") === true;
      assert.deepEqual([isRefused, asked.length], [!passes, passes ? 1 : 0], String(body));
    });
  }
});

const SCRIPTS: readonly [what: string, from: "api.site" | "eve" | "ann" | "null", init: object, passes: boolean][] = [
  ["a script of the site itself passes", "api.site", { method: "DELETE" }, true],
  ["a script of another site that reads nothing does not", "eve", { method: "POST", mode: "no-cors" }, false],
  ["nor one in a frame without an origin", "null", { method: "POST", mode: "no-cors" }, false],
  ["one of a trusted origin passes", "ann", { method: "POST", mode: "no-cors" }, true],
];

test("csrf, in a browser: scripts of this site and of others", { skip }, async (t) => {
  for (const [what, from, init, passes] of SCRIPTS) {
    await t.test(what, async () => {
      site((app) => csrf(app, { trustedOrigins: [at("ann", "")] }));
      await tab.goto(from === "api.site" ? at(from, "/page") : at(from === "null" ? "eve" : from));
      const script = from === "null" ? SANDBOXED : FETCH;
      await tab.evaluate(`(${script})(${JSON.stringify([target(), init])})`);
      assert.equal(asked.length, passes ? 1 : 0);
    });
  }
});

test("csrf, in a browser: what the user types passes", { skip }, async () => {
  site((app) => csrf(app));
  await tab.goto(at("eve"));
  await tab.goto(target());
  assert.deepEqual(asked, [GET]);
});
