import assert from "node:assert/strict";
import { test } from "node:test";
import { type CacheOptions, cache } from "../../../middleware/cache.ts";
import type { App, HeaderList, StatusLine } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";

/** One request, what the app gives where it is asked, and who answers. */
interface Turn {
  /** Seconds after the last one. */
  after?: number;
  method?: string;
  path?: string;
  sends?: Record<string, string>;
  gives?: HeaderList;
  status?: StatusLine;
  /** `"app"`, `"validated"` (the app was asked whether what is kept still holds), or `"kept"`; with the status unless that is 200. */
  answer: string;
  /** What the response has. */
  has?: Record<string, string | null>;
}

const NOW = Date.parse("Sun, 06 Nov 1994 08:49:37 GMT");
const at = (seconds: number) => new Date(NOW + 1000 * seconds).toUTCString();

const FRESH: HeaderList = [["Cache-Control", "max-age=60"]];
const TAGGED: HeaderList = [...FRESH, ["ETag", '"a"']];
const DATED: HeaderList = [...FRESH, ["Last-Modified", at(-1000)]];
const app: Turn = { answer: "app" };
const kept: Turn = { answer: "kept" };

/** The first response decides who answers the next request. */
const then = (gives: HeaderList, answer: string, sends: Record<string, string> = {}): Turn[] => [
  { gives, answer: "app" },
  { sends, gives, answer },
];
const age = (...values: string[]) => then([...values.map((value) => ["Age", value] as const), ...FRESH], "app");
const aged = (...values: string[]) => then([...values.map((value) => ["Age", value] as const), ...FRESH], "kept");
const directives = (value: string, answer: string) => then([["Cache-Control", value]], answer);
const expires = (value: string, answer: string) => then([["Expires", value]], answer);
const vary = (...values: string[]): HeaderList => [...values.map((value) => ["Vary", value] as const), ...FRESH];
const tag = (etag: string): HeaderList => [...FRESH, ["ETag", etag]];
const authorized = (value: string, answer: string): Turn[] => [
  { sends: { Authorization: "Basic eDp5" }, gives: [["Cache-Control", value]], answer: "app" },
  { gives: FRESH, answer },
];
const asks = (sends: Record<string, string>, gives: HeaderList, answer: string) => then(gives, answer, sends);

/** By section of RFC 9111; what it leaves open is as stated at `cache`. */
const RULES: Record<string, Record<string, Turn[]>> = {
  "§2 what is kept": {
    "another query is another response": [
      { path: "/?a", gives: FRESH, answer: "app" },
      { path: "/?b", gives: FRESH, answer: "app" },
      { path: "/?a", answer: "kept" },
    ],
    "cookies of a client change nothing": asks({ Cookie: "a=1" }, FRESH, "kept"),
    "a disposition changes nothing": then([...FRESH, ["Content-Disposition", "attachment"]], "kept"),
    "an unknown Pragma of a response changes nothing": then([...FRESH, ["Pragma", "x"]], "kept"),
    "POST is not kept for GET": [
      { method: "POST", gives: [...FRESH, ["Content-Location", "/"]], answer: "app" },
      { gives: FRESH, answer: "app" },
    ],
  },
  "§3 storing": {
    "no-store, with a lifetime": directives("no-store, max-age=60", "app"),
    "no-store in any case": directives("nO-StOrE, max-age=60", "app"),
    "no-store with must-understand, as a cache may": directives("no-store, must-understand, max-age=60", "app"),
    "a 203": [{ status: "203 Non-Authoritative Information", gives: FRESH, answer: "app 203" }, { answer: "kept 203" }],
    "a 204": [{ status: "204 No Content", gives: FRESH, answer: "app 204" }, { answer: "kept 204" }],
    "a 410": [{ status: "410 Gone", gives: FRESH, answer: "app 410" }, { answer: "kept 410" }],
    "a status that nobody knows is not kept": [
      { status: "299 Odd", gives: FRESH, answer: "app 299" },
      { status: "299 Odd", gives: FRESH, answer: "app 299" },
    ],
    "a 503 is not kept": [
      { status: "503 Service Unavailable", gives: FRESH, answer: "app 503" },
      { ...app, gives: FRESH },
    ],
    "what came with no-store leaves what was kept before it": [
      { gives: FRESH, answer: "app" },
      { after: 61, gives: [["Cache-Control", "no-store"]], answer: "app" },
      { gives: FRESH, answer: "app" },
    ],
    "all fields of the response": [
      { gives: [...FRESH, ["X-A", "1"], ["Content-Language", "de"], ["Expires", at(9)]], answer: "app" },
      { answer: "kept", has: { "X-A": "1", "Content-Language": "de", Expires: at(9) } },
    ],
  },
  "§3.1 header fields": {
    "of the same name stay apart": [
      { gives: [...FRESH, ["Link", "<a>"], ["Link", "<b>"]], answer: "app" },
      { answer: "kept", has: { Link: "<a>, <b>" } },
    ],
    "for proxies are stored, as nobody here is one": [
      { gives: [...FRESH, ["Proxy-Authenticate", "x"]], answer: "app" },
      { answer: "kept", has: { "Proxy-Authenticate": "x" } },
    ],
  },
  "§3.3 incomplete responses": {
    "a part": [
      { status: "206 Partial Content", gives: [...FRESH, ["Content-Range", "bytes 0-3/9"]], answer: "app 206" },
      { ...app, gives: FRESH },
    ],
    "a part under another status": then([...FRESH, ["Content-Range", "bytes 0-3/9"]], "app"),
  },
  "§3.4 parts": {
    "the whole is kept for who asks for a part": asks({ Range: "bytes=0-0" }, FRESH, "kept"),
    "what who asks for a part gets, if it is the whole, is kept for all": [
      { sends: { Range: "bytes=0-0" }, gives: FRESH, answer: "app" },
      kept,
    ],
  },
  "§3.5 Authorization": {
    "without more": authorized("max-age=60", "app"),
    public: authorized("max-age=60, public", "kept"),
    "s-maxage": authorized("s-maxage=60", "kept"),
    "must-revalidate": authorized("max-age=60, must-revalidate", "kept"),
    "proxy-revalidate is not among them": authorized("max-age=60, proxy-revalidate", "app"),
    "of who gets what others have brought": asks({ Authorization: "Basic eDp5" }, FRESH, "kept"),
  },
  "§4 answering with what is kept": {
    "HEAD by what GET has brought": [
      { gives: FRESH, answer: "app" },
      { method: "HEAD", answer: "kept" },
    ],
    "no other method": [
      { gives: FRESH, answer: "app" },
      { method: "OPTIONS", answer: "app" },
      { method: "PROPFIND", answer: "app" },
      kept,
    ],
    "with an Age, also of 0": [
      { gives: FRESH, answer: "app" },
      { answer: "kept", has: { Age: "0" } },
    ],
  },
  "§4.1 Vary": {
    "the same value": [
      { sends: { Foo: "1" }, gives: vary("Foo"), answer: "app" },
      { sends: { Foo: "1" }, answer: "kept" },
    ],
    "another value": [
      { sends: { Foo: "1" }, gives: vary("Foo"), answer: "app" },
      { sends: { Foo: "2" }, gives: vary("Foo"), answer: "app" },
      { sends: { Foo: "1" }, answer: "kept" },
      { sends: { Foo: "2" }, answer: "kept" },
    ],
    "no value after one": [
      { sends: { Foo: "1" }, gives: vary("Foo"), answer: "app" },
      { gives: vary("Foo"), answer: "app" },
    ],
    "a value after none": [
      { gives: vary("Foo"), answer: "app" },
      { sends: { Foo: "1" }, gives: vary("Foo"), answer: "app" },
    ],
    "fields that are not named": [
      { sends: { Foo: "1", Other: "1" }, gives: vary("Foo"), answer: "app" },
      { sends: { Foo: "1", Other: "2" }, answer: "kept" },
    ],
    "several fields, one of them in nobody's request": [
      { sends: { Foo: "1", Bar: "2" }, gives: vary("Foo, Bar", "Baz"), answer: "app" },
      { sends: { Bar: "2", Foo: "1" }, answer: "kept" },
      { sends: { Bar: "3", Foo: "1" }, gives: vary("Foo, Bar", "Baz"), answer: "app" },
    ],
    "an asterisk": then(vary("*"), "app"),
    "two asterisks": then(vary("*, *"), "app"),
    "two asterisks on two lines": then(vary("*", "*"), "app"),
    "an asterisk after nothing": then(vary(", *"), "app"),
    "an asterisk before a name": then(vary("*, Foo"), "app"),
    "an asterisk after a name": then(vary("Foo, *"), "app"),
  },
  "§4.2.1 lifetimes": {
    "leading zeros": directives("max-age=00060", "kept"),
    "a fraction": directives("max-age=60.5", "app"),
    "letters before the number": directives("max-age=a60", "app"),
    "letters after the number": directives("max-age=60a", "app"),
    "single quotes": directives("max-age='60'", "app"),
    "a lifetime within a string before the real one": directives('ext="max-age=60", max-age=0', "app"),
    "a lifetime within a string after the real one": directives('max-age=0, ext="max-age=60"', "app"),
    "two lifetimes, the first one shorter": directives("max-age=0, max-age=60", "app"),
    "two lifetimes on two lines": then(
      [
        ["Cache-Control", "max-age=60"],
        ["Cache-Control", "max-age=0"],
      ],
      "app",
    ),
    "Expires now": expires(at(0), "app"),
    "Expires of 32 bits": expires("Tue, 19 Jan 2038 03:14:07 GMT", "kept"),
    "Expires far ahead": expires("Sun, 21 Nov 2286 04:46:39 GMT", "kept"),
    "Expires as asctime writes it": expires("Sun Nov  6 08:59:37 1994", "kept"),
    "Expires in UTC": expires("Sun, 06 Nov 1994 08:59:37 UTC", "app"),
    "Expires in another zone": expires("Sun, 06 Nov 1994 09:59:37 CET", "app"),
    "Expires with two digits for the year": expires("Sun, 06 Nov 94 08:59:37 GMT", "app"),
    "Expires without its comma": expires("Sun 06 Nov 1994 08:59:37 GMT", "app"),
    "Expires with two spaces": expires("Sun, 06  Nov 1994 08:59:37 GMT", "app"),
    "Expires with hyphens in its date": expires("Sun, 06-Nov-1994 08:59:37 GMT", "app"),
    "Expires with points in its time": expires("Sun, 06 Nov 1994 08.59.37 GMT", "app"),
    "Expires with an hour of one digit": expires("Sun, 06 Nov 1994 8:59:37 GMT", "app"),
    "Expires before Date, though both are ahead": then(
      [
        ["Date", at(600)],
        ["Expires", at(300)],
      ],
      "app",
    ),
  },
  "§4.2.2 lifetimes that are guessed": {
    "none, by Last-Modified": then([["Last-Modified", at(-100_000)]], "app"),
    "none, by public": directives("public", "app"),
  },
  "§4.2.3 age": {
    letters: aged("abc"),
    "below 0": aged("-7200"),
    "a fraction": aged("7200.0"),
    "31 bits": age("2147483647"),
    "32 bits": age("2147483648"),
    "more than 32 bits": age("99999999999"),
    "two ages, the first one high": age("7200, 0"),
    "two ages of 0": aged("0, 0"),
    "what has passed here is added": [
      { gives: [["Age", "30"], ...FRESH], answer: "app" },
      { after: 20, answer: "kept", has: { Age: "50" } },
      { after: 20, gives: FRESH, answer: "app" },
    ],
    "the date of a response stays": [
      { gives: [["Date", at(-5)], ...FRESH], answer: "app" },
      // Dates are whole seconds, so one of them may be less than it seems.
      { after: 3, answer: "kept", has: { Date: at(-5), Age: "7" } },
    ],
  },
  "§4.2.4 stale": {
    "must-revalidate, where the app fails": [
      { gives: [["Cache-Control", "max-age=2, must-revalidate, stale-if-error=99"]], answer: "app" },
      { after: 3, status: "503 Service Unavailable", answer: "app 503" },
    ],
    "s-maxage leaves stale-if-error its meaning, as sites use the two together": [
      { gives: [["Cache-Control", "s-maxage=2, stale-if-error=99"]], answer: "app" },
      { after: 3, status: "503 Service Unavailable", answer: "app" },
    ],
    immutable: [
      { gives: [["Cache-Control", "max-age=2, immutable"]], answer: "app" },
      { after: 3, gives: FRESH, answer: "app" },
    ],
  },
  "§4.3.1 validation": {
    "by a strong tag": [
      { gives: TAGGED, answer: "app" },
      { after: 61, status: "304 Not Modified", gives: TAGGED, answer: "validated" },
      kept,
    ],
    "by a weak tag": [
      { gives: tag('W/"a"'), answer: "app" },
      { after: 61, status: "304 Not Modified", gives: tag('W/"a"'), answer: "validated" },
    ],
    "by a date": [
      { gives: DATED, answer: "app" },
      { after: 61, status: "304 Not Modified", gives: FRESH, answer: "validated" },
    ],
    "a new version takes its place": [
      { gives: TAGGED, answer: "app" },
      { after: 61, gives: tag('"b"'), answer: "validated" },
      { answer: "kept", has: { ETag: '"b"' } },
    ],
    "of no-cache, each time": [
      {
        gives: [
          ["Cache-Control", "no-cache, max-age=60"],
          ["ETag", '"a"'],
        ],
        answer: "app",
      },
      { status: "304 Not Modified", gives: [["ETag", '"a"']], answer: "validated" },
    ],
  },
  "§4.3.2 conditions of clients": {
    "a matching tag": asks({ "If-None-Match": '"a"' }, TAGGED, "kept 304"),
    "a matching tag with bytes beyond ASCII": asks({ "If-None-Match": '"\xe9"' }, tag('"\xe9"'), "kept 304"),
    "a weak tag": asks({ "If-None-Match": 'W/"a"' }, tag('W/"a"'), "kept 304"),
    "a tag that is weak on one side": asks({ "If-None-Match": '"a"' }, tag('W/"a"'), "kept 304"),
    "the first of several": asks({ "If-None-Match": '"a", "b", "c"' }, TAGGED, "kept 304"),
    "the middle of several": asks({ "If-None-Match": '"b", "a", "c"' }, TAGGED, "kept 304"),
    "the last of several": asks({ "If-None-Match": '"b", "c", "a"' }, TAGGED, "kept 304"),
    "another tag": asks({ "If-None-Match": '"b"' }, TAGGED, "kept"),
    "the tag in a 304": [
      { gives: TAGGED, answer: "app" },
      { sends: { "If-None-Match": '"a"' }, answer: "kept 304", has: { ETag: '"a"' } },
    ],
    "the tag before the date": asks(
      { "If-None-Match": '"b"', "If-Modified-Since": at(0) },
      [...TAGGED, ["Last-Modified", at(-1000)]],
      "kept",
    ),
    "the same date": asks({ "If-Modified-Since": at(-1000) }, DATED, "kept 304"),
    "a later date": asks({ "If-Modified-Since": at(-10) }, DATED, "kept 304"),
    "an earlier date": asks({ "If-Modified-Since": at(-2000) }, DATED, "kept"),
  },
  "§4.3.3 what a validation brings": {
    "a failure is passed on, and leaves what is kept": [
      { gives: TAGGED, answer: "app" },
      { after: 61, status: "500 Internal Server Error", answer: "validated 500" },
      { status: "304 Not Modified", gives: TAGGED, answer: "validated" },
      kept,
    ],
    "a refusal is passed on": [
      { gives: TAGGED, answer: "app" },
      { after: 61, status: "404 Not Found", answer: "validated 404" },
    ],
  },
  "§4.3.4 freshening": {
    "a 304 adds, and leaves what it does not have": [
      { gives: [...TAGGED, ["X-A", "1"], ["X-B", "1"]], answer: "app" },
      { after: 61, status: "304 Not Modified", gives: [...TAGGED, ["X-A", "2"]], answer: "validated" },
      { answer: "kept", has: { "X-A": "2", "X-B": "1" } },
    ],
  },
  "§4.3.5 HEAD": {
    "leaves what is kept of GET as it is": [
      { gives: TAGGED, answer: "app" },
      { after: 61, method: "HEAD", gives: [...FRESH, ["ETag", '"b"']], answer: "app" },
      { status: "304 Not Modified", gives: TAGGED, answer: "validated" },
    ],
  },
  "§4.4 invalidation": Object.fromEntries(
    ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"].flatMap((method) => [
      [
        `${method} that succeeds`,
        [
          { gives: FRESH, answer: "app" },
          { method, answer: "app" },
          { gives: FRESH, answer: "app" },
        ],
      ],
      [
        `${method} that fails`,
        [
          { gives: FRESH, answer: "app" },
          { method, status: "500 Internal Server Error", answer: "app 500" },
          { answer: "kept" },
        ],
      ],
    ]),
  ),
  "§5.2.1 directives of clients, where they count": {
    "max-age=0": [
      { gives: FRESH, answer: "app" },
      { after: 1, sends: { "Cache-Control": "max-age=0" }, gives: FRESH, answer: "app" },
    ],
    "max-age that what is kept is too old for": [
      { gives: FRESH, answer: "app" },
      { after: 10, sends: { "Cache-Control": "max-age=5" }, gives: FRESH, answer: "app" },
    ],
    "min-fresh that what is kept is too old for": [
      { gives: FRESH, answer: "app" },
      { after: 10, sends: { "Cache-Control": "min-fresh=55" }, gives: FRESH, answer: "app" },
    ],
    "no-cache, with a tag": [
      { gives: TAGGED, answer: "app" },
      { sends: { "Cache-Control": "no-cache" }, status: "304 Not Modified", gives: TAGGED, answer: "validated" },
    ],
    "no-cache, with a date": [
      { gives: DATED, answer: "app" },
      { sends: { "Cache-Control": "no-cache" }, status: "304 Not Modified", gives: FRESH, answer: "validated" },
    ],
    "only-if-cached, with nothing kept": [{ sends: { "Cache-Control": "only-if-cached" }, answer: "kept 504" }],
    "an unknown Pragma": asks({ Pragma: "x" }, FRESH, "kept"),
    "no-store, of which nothing is kept": [
      { sends: { "Cache-Control": "no-store" }, gives: FRESH, answer: "app" },
      { gives: FRESH, answer: "app" },
    ],
    "max-stale, which a cache need not take": [
      { gives: FRESH, answer: "app" },
      { after: 61, sends: { "Cache-Control": "max-stale=99" }, gives: FRESH, answer: "app" },
    ],
  },
  "§5.2.2 directives of responses": {
    "s-maxage before max-age": directives("max-age=0, s-maxage=60", "kept"),
    "s-maxage of 0 before max-age": directives("max-age=60, s-maxage=0", "app"),
    private: directives("private, max-age=60", "app"),
    "private, for fields alone": directives('private="X-A", max-age=60', "app"),
    "no-cache, for fields alone": directives('no-cache="X-A", max-age=60', "app"),
    "no-transform": directives("no-transform, max-age=60", "kept"),
    "proxy-revalidate, while it is fresh": directives("proxy-revalidate, max-age=60", "kept"),
    "proxy-revalidate, where the app fails": [
      { gives: [["Cache-Control", "max-age=2, proxy-revalidate, stale-if-error=99"]], answer: "app" },
      { after: 3, status: "503 Service Unavailable", answer: "app 503" },
    ],
    "one that nobody knows": directives("community=x, max-age=60", "kept"),
    "spaces and empty members": directives(" , max-age=60 ,,", "kept"),
  },
  "§5.3 Expires": {
    "beside max-age": then(
      [
        ["Expires", at(600)],
        ["Cache-Control", "max-age=0"],
      ],
      "app",
    ),
    "beside s-maxage": then(
      [
        ["Expires", at(-600)],
        ["Cache-Control", "s-maxage=60"],
      ],
      "kept",
    ),
    "0": expires("0", "app"),
  },
  "§5.4 Pragma": {
    "of a client": asks({ Pragma: "no-cache" }, FRESH, "kept"),
    "of a response": then([...FRESH, ["Pragma", "no-cache"]], "kept"),
  },
};

for (const [section, cases] of Object.entries(RULES)) {
  for (const [what, turns] of Object.entries(cases)) {
    test(`cache, RFC 9111 ${section}: ${what}`, async (t) => {
      t.mock.timers.enable({ apis: ["Date"], now: NOW });
      let turn: Turn = app;
      let asked = "kept";
      const origin: App = ({ HTTP_IF_NONE_MATCH, HTTP_IF_MODIFIED_SINCE }, startResponse) => {
        asked = HTTP_IF_NONE_MATCH === undefined && HTTP_IF_MODIFIED_SINCE === undefined ? "app" : "validated";
        startResponse(turn.status ?? "200 OK", turn.gives ?? []);
        return turn.status === "204 No Content" ? [] : "body";
      };
      const options: CacheOptions = { clientDirectives: section.startsWith("§5.2.1") };
      const cached = cache(origin, options);
      for (turn of turns) {
        t.mock.timers.tick(1000 * (turn.after ?? 0));
        asked = "kept";
        const { method = "GET", path = "/", sends = {} } = turn;
        const response = await request(cached, path, { method, headers: sends });
        await response.text();
        assert.equal(response.status === 200 ? asked : `${asked} ${response.status}`, turn.answer);
        for (const [name, value] of Object.entries(turn.has ?? {})) assert.equal(response.headers.get(name), value);
      }
    });
  }
}
