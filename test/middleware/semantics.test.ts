import assert from "node:assert/strict";
import { test } from "node:test";
import { compress } from "../../middleware/compress.ts";
import { conditional } from "../../middleware/conditional.ts";
import { range } from "../../middleware/range.ts";
import type { App, HeaderList, StatusLine } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";

/** A request, what the app answers, and what has become of it. */
interface Case {
  method?: string;
  sends?: Record<string, string>;
  gives?: HeaderList;
  status?: StatusLine;
  body?: string;
  /** The status, and the body as its client gets it, where it is not that of the app. */
  becomes: number | [status: number, body: string];
  /** What the response has; null for what it has not. */
  has?: Record<string, string | RegExp | null>;
}

const TEXT = "0123456789";
const MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT";
const EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER = "Sun, 06 Nov 1994 08:49:38 GMT";

const PLAIN: HeaderList = [["Content-Type", "text/plain"]];
const TAGGED: HeaderList = [...PLAIN, ["ETag", '"a"'], ["Last-Modified", MODIFIED]];
const WEAK: HeaderList = [...PLAIN, ["ETag", 'W/"a"']];
const DATED: HeaderList = [...PLAIN, ["Last-Modified", MODIFIED]];

const coded = (accept: string, coding: string | null, gives = PLAIN, has: Case["has"] = {}): Case => ({
  sends: { "Accept-Encoding": accept },
  gives,
  becomes: 200,
  has: { "Content-Encoding": coding, ...has },
});
const asked = (
  sends: Record<string, string>,
  gives: HeaderList,
  becomes: Case["becomes"],
  has: Case["has"] = {},
): Case => ({
  sends,
  gives,
  becomes,
  has,
});
const ranged = (
  value: string,
  becomes: Case["becomes"],
  contentRange: string | null,
  more: Record<string, string> = {},
) => asked({ Range: value, ...more }, TAGGED, becomes, { "Content-Range": contentRange });

/** Sections of RFC 9110, in their order. */
const SECTIONS: Record<string, Record<string, Case>> = {
  "§8.3 Content-Type": {
    "is that of what is coded": coded("gzip", "gzip", PLAIN, { "Content-Type": "text/plain" }),
    "decides what is worth coding": coded("gzip", null, [["Content-Type", "image/png"]]),
  },
  "§8.4 Content-Encoding": {
    "names the coding": coded("gzip", "gzip"),
    "of an app is left alone": coded("gzip", "br", [...PLAIN, ["Content-Encoding", "br"]]),
    "never says identity": coded("identity", null),
  },
  "§8.5 Content-Language": {
    stays: coded("gzip", "gzip", [...PLAIN, ["Content-Language", "de"]], { "Content-Language": "de" }),
  },
  "§8.6 Content-Length": {
    "is that of what is sent": coded("gzip", "gzip", [...PLAIN, ["Content-Length", "10"]], {
      "Content-Length": /^(?!10$)\d+$/,
    }),
    "of HEAD is that of GET or none": {
      method: "HEAD",
      sends: { "Accept-Encoding": "gzip" },
      gives: [...PLAIN, ["Content-Length", "10"]],
      becomes: [200, ""],
      has: { "Content-Length": null },
    },
  },
  "§8.7 Content-Location": {
    stays: coded("gzip", "gzip", [...PLAIN, ["Content-Location", "/a"]], { "Content-Location": "/a" }),
  },
  "§8.8.1 weak and strong": {
    "a coding makes a validator weak": coded("gzip", "gzip", TAGGED, { ETag: 'W/"a"' }),
    "a weak one is weak already": coded("gzip", "gzip", WEAK, { ETag: 'W/"a"' }),
  },
  "§8.8.2 Last-Modified": {
    stays: coded("gzip", "gzip", DATED, { "Last-Modified": MODIFIED }),
  },
  "§8.8.3 ETag": {
    "is made of a body that is known": asked({}, PLAIN, 200, { ETag: /^"[^"]+"$/ }),
    "of an app is left alone": asked({}, TAGGED, 200, { ETag: '"a"' }),
    "is not made of an error": { gives: PLAIN, status: "404 Not Found", becomes: 404, has: { ETag: null } },
  },
  "§8.8.3.2 comparison": {
    "weak for If-None-Match": asked({ "If-None-Match": '"a"' }, WEAK, [304, ""]),
    "strong for If-Match": asked({ "If-Match": 'W/"a"' }, WEAK, [412, "Precondition Failed\n"]),
  },
  "§12.4.2 quality values": {
    "the highest is chosen": coded("gzip;q=0.1, deflate;q=0.9", "deflate"),
    "0 is a no": coded("gzip;q=0", null),
    "of identity counts": coded("gzip;q=0.5, identity;q=0.9", null),
  },
  "§12.4.3 wildcards": {
    "stand for what is not named": coded("*", /.+/ as unknown as string),
    "leave out what is named": coded("br;q=0, *", /^(?!br$).+/ as unknown as string),
    "with 0 leave what is named": coded("gzip, *;q=0", "gzip"),
  },
  "§12.5.3 Accept-Encoding": {
    "that is absent": asked({}, PLAIN, 200, { "Content-Encoding": null }),
    "that is empty": coded("", null),
    "with a coding that nobody knows": coded("exi", null),
    "in any case, and by an old name": coded("X-GZIP", "gzip"),
    "that is malformed": coded("gzip;q=2, ;;, deflate", "deflate"),
  },
  "§12.5.5 Vary": {
    "names what was negotiated, also where nothing was coded": coded("identity", null, PLAIN, {
      Vary: "Accept-Encoding",
    }),
    "is added to": coded("gzip", "gzip", [...PLAIN, ["Vary", "Origin"]], { Vary: "Origin, Accept-Encoding" }),
    "that has it already": coded("gzip", "gzip", [...PLAIN, ["Vary", "accept-encoding"]], { Vary: "accept-encoding" }),
    "by everything stays": coded("gzip", "gzip", [...PLAIN, ["Vary", "*"]], { Vary: "*" }),
  },
  "§13.1.1 If-Match": {
    "with the tag": asked({ "If-Match": '"b", "a"' }, TAGGED, 200),
    "with another tag": asked({ "If-Match": '"b"' }, TAGGED, [412, "Precondition Failed\n"]),
    "with an asterisk": asked({ "If-Match": "*" }, TAGGED, 200),
  },
  "§13.1.2 If-None-Match": {
    "with the tag": asked({ "If-None-Match": '"b", "a"' }, TAGGED, [304, ""], { ETag: '"a"', "Last-Modified": null }),
    "with another tag": asked({ "If-None-Match": '"b"' }, TAGGED, 200),
    "with an asterisk": asked({ "If-None-Match": "*" }, TAGGED, [304, ""]),
    "of HEAD": { ...asked({ "If-None-Match": '"a"' }, TAGGED, [304, ""]), method: "HEAD" },
  },
  "§13.1.3 If-Modified-Since": {
    "with the date": asked({ "If-Modified-Since": MODIFIED }, DATED, [304, ""]),
    "with a later one": asked({ "If-Modified-Since": LATER }, DATED, [304, ""]),
    "with an earlier one": asked({ "If-Modified-Since": EARLIER }, DATED, 200),
    "with what is not a date": asked({ "If-Modified-Since": "yesterday" }, DATED, 200),
    "beside If-None-Match": asked({ "If-Modified-Since": MODIFIED, "If-None-Match": '"b"' }, TAGGED, 200),
  },
  "§13.1.4 If-Unmodified-Since": {
    "with the date": asked({ "If-Unmodified-Since": MODIFIED }, DATED, 200),
    "with an earlier one": asked({ "If-Unmodified-Since": EARLIER }, DATED, [412, "Precondition Failed\n"]),
    "beside If-Match": asked({ "If-Unmodified-Since": EARLIER, "If-Match": '"a"' }, TAGGED, 200),
  },
  "§13.1.5 If-Range": {
    "with the tag": ranged("bytes=0-1", [206, "01"], "bytes 0-1/10", { "If-Range": '"a"' }),
    "with another tag": ranged("bytes=0-1", 200, null, { "If-Range": '"b"' }),
    "with a weak tag": ranged("bytes=0-1", 200, null, { "If-Range": 'W/"a"' }),
    "with an earlier date": ranged("bytes=0-1", 200, null, { "If-Range": EARLIER }),
    "without Range": asked({ "If-Range": '"a"' }, TAGGED, 200),
  },
  "§13.2.1 when": {
    "not with a method that knows no conditions": { ...asked({ "If-Match": '"b"' }, TAGGED, 200), method: "OPTIONS" },
    "not where the app has failed": {
      sends: { "If-None-Match": '"a"' },
      gives: TAGGED,
      status: "500 Internal Server Error",
      becomes: 500,
    },
  },
  "§13.2.2 precedence": {
    "If-Match before If-None-Match": asked({ "If-Match": '"b"', "If-None-Match": '"a"' }, TAGGED, [
      412,
      "Precondition Failed\n",
    ]),
    "If-None-Match before Range": ranged("bytes=0-1", [304, ""], null, { "If-None-Match": '"a"' }),
  },
  "§14.1.1 range specifiers": {
    "of an unknown unit": ranged("lines=0-1", 200, null),
    "that are malformed": ranged("bytes=2-1", 200, null),
    "without any": ranged("bytes=", 200, null),
  },
  "§14.1.2 byte ranges": {
    "from, to": ranged("bytes=2-4", [206, "234"], "bytes 2-4/10"),
    from: ranged("bytes=7-", [206, "789"], "bytes 7-9/10"),
    "from, to beyond the end": ranged("bytes=7-99", [206, "789"], "bytes 7-9/10"),
    "the last ones": ranged("bytes=-3", [206, "789"], "bytes 7-9/10"),
    "more last ones than there are": ranged("bytes=-99", [206, TEXT], "bytes 0-9/10"),
    "in any case of the unit": ranged("BYTES=0-0", [206, "0"], "bytes 0-0/10"),
  },
  "§14.2 Range": {
    "of HEAD": { ...ranged("bytes=0-1", [200, ""], null), method: "HEAD" },
    "of POST": { ...ranged("bytes=0-1", 200, null), method: "POST" },
    "of ten thousand bytes beside each other": ranged(`bytes=${"0-0,".repeat(10_000)}1-1`, [206, "01"], "bytes 0-1/10"),
    "of as many that overlap": ranged(`bytes=${"0-,".repeat(10_000)}1-`, [206, TEXT], "bytes 0-9/10"),
    "of a few that overlap": ranged("bytes=0-3,2-5,1-1", [206, "012345"], "bytes 0-5/10"),
    "of more than an integer holds": ranged(
      "bytes=99999999999999999999-",
      [416, "Range Not Satisfiable\n"],
      "bytes */10",
    ),
    "of an error": { ...ranged("bytes=0-1", 404, null), status: "404 Not Found" },
  },
  "§14.3 Accept-Ranges": {
    "says what there is": asked({}, TAGGED, 200, { "Accept-Ranges": "bytes" }),
  },
  "§14.4 Content-Range": {
    "of nothing that there is": ranged("bytes=10-", [416, "Range Not Satisfiable\n"], "bytes */10"),
  },
  "§14.6 several parts": {
    "close to each other are one": ranged("bytes=0-0,-1", [206, TEXT], "bytes 0-9/10"),
    "each with its own": {
      ...ranged("bytes=0-0,-1", [206, ""], null),
      body: TEXT.repeat(100),
      has: { "Content-Type": /^multipart\/byteranges; boundary=/, "Content-Range": null },
    },
  },
};

const stacks: readonly [prefix: string, stack: (app: App) => App][] = [
  ["§8.8.3", conditional],
  ["§8", (app) => compress(app, { threshold: 0 })],
  ["§12", (app) => compress(app, { threshold: 0 })],
  ["§13.1.5", (app) => range(conditional(app))],
  ["§13.2.2", (app) => range(conditional(app))],
  ["§13", conditional],
  ["§14", range],
];

for (const [section, cases] of Object.entries(SECTIONS)) {
  const stack = stacks.find(([prefix]) => section.startsWith(prefix))?.[1] as (app: App) => App;
  for (const [
    what,
    { method = "GET", sends = {}, gives = [], status = "200 OK", body = TEXT, becomes, has },
  ] of Object.entries(cases)) {
    test(`semantics, RFC 9110 ${section}: ${what}`, async () => {
      const app: App = (_environ, startResponse) => {
        startResponse(status, gives);
        return body;
      };
      const response = await request(stack(app), "/", { method, headers: sends });
      const [code, text] = typeof becomes === "number" ? [becomes, body] : becomes;
      assert.equal(response.status, code);
      const isOpaque =
        response.headers.has("Content-Encoding") || /^multipart/.test(response.headers.get("Content-Type") ?? "");
      if (!isOpaque) assert.equal(await response.text(), text);
      for (const [name, expected] of Object.entries(has ?? {})) {
        if (expected instanceof RegExp) assert.match(response.headers.get(name) ?? "", expected);
        else assert.equal(response.headers.get(name), expected, name);
      }
    });
  }
}
