import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeaderList } from "../../src/gateway.ts";
import {
  checkHeaders,
  deriveHeaders,
  isBeyondAscii,
  isHopByHop,
  preparedHeaders,
  prepareHeaders,
  prepareLines,
  takeHeaders,
  withGoodLine,
} from "../../src/http/field-rules.ts";

/** Every character of one byte. */
const BYTES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));

test("checkHeaders: a value has visible characters, space, tab and bytes beyond ASCII, and no others", () => {
  const refused = BYTES.filter((char) => {
    try {
      checkHeaders([["X-Name", `a${char}b`]]);
      return false;
    } catch {
      return true;
    }
  });
  assert.deepEqual(
    refused.map((char) => char.charCodeAt(0)),
    [...Array(9).keys(), ...Array.from({ length: 22 }, (_, index) => index + 10), 0x7f],
  );
});

test("checkHeaders: a name has the characters of a token, and no others", () => {
  const refused = BYTES.filter((char) => {
    try {
      checkHeaders([[`x${char}x`, ""]]);
      return false;
    } catch {
      return true;
    }
  });
  // RFC 9110 §5.6.2.
  const token = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  assert.deepEqual(
    refused,
    BYTES.filter((char) => !token.includes(char)),
  );
});

for (const [what, headers] of [
  ["a string", "Content-Type: text/plain"],
  ["an object", { "Content-Type": "text/plain" }],
  ["a line that is a string", ["Xa"]],
  ["a line of one", [["X"]]],
  ["a line of three", [["X", "a", "b"]]],
  ["a name that is not a string", [[1, "a"]]],
  ["an empty name", [["", "a"]]],
  ["a value that is not a string", [["X", 1]]],
  ["a value beyond Latin-1", [["X", "日本"]]],
  ["a length that is not a number", [["Content-Length", "abc"]]],
  ["a negative length", [["Content-Length", "-1"]]],
  ["an empty length", [["Content-Length", ""]]],
  ["a length of sixteen digits", [["Content-Length", "1234567890123456"]]],
  [
    "two lengths",
    [
      ["Content-Length", "1"],
      ["content-length", "1"],
    ],
  ],
] as const) {
  test(`checkHeaders: ${what} is refused`, () => {
    assert.throws(() => checkHeaders(headers as unknown as HeaderList), { code: "TSGI_BAD_HEADER" });
  });
}

test("checkHeaders: a line is refused though its name was seen in a good one", () => {
  checkHeaders([["X-Seen", "a"]]);
  for (const line of ["X-Seen", ["X-Seen"], ["X-Seen", "a", "b"], ["X-Seen", 1]]) {
    assert.throws(() => checkHeaders([line] as unknown as HeaderList), { code: "TSGI_BAD_HEADER" });
  }
});

for (const name of ["Connection", "keep-alive", "Proxy-Connection", "TE", "Transfer-Encoding", "upgrade"]) {
  test(`checkHeaders: ${name} is the server's`, () => {
    assert.equal(isHopByHop(name), true);
    assert.throws(() => checkHeaders([[name, "x"]]), { code: "TSGI_HOP_BY_HOP" });
  });
}

test("checkHeaders: Trailer, which announces what an app adds, is not refused", () => {
  assert.equal(isHopByHop("Trailer"), true);
  assert.equal(checkHeaders([["Trailer", "X-Sum"]]), -1);
});

test("isHopByHop: other names belong to the app", () => {
  for (const name of ["Content-Length", "T", "Upgrades", "Trailers", "Date", ""]) assert.equal(isHopByHop(name), false);
});

test("checkHeaders: gives the declared length, or -1", () => {
  assert.equal(checkHeaders([]), -1);
  assert.equal(checkHeaders([["content-LENGTH", "012"]]), 12);
});

test("takeHeaders: a list that is changed afterwards has changed nothing", () => {
  const list: [string, string][] = [["X", "a"]];
  const taken = takeHeaders(list);
  list.push(["Set-Cookie", "b"]);
  (list[0] as [string, string])[1] = "c";
  assert.deepEqual(taken, { list: [["X", "a"]], contentLength: -1 });
});

test("prepareHeaders: the list is frozen with its lines, and known from then on", () => {
  const list: [string, string][] = [
    ["Content-Length", "5"],
    ["X", "caf\u00e9"],
  ];
  assert.equal(preparedHeaders(list), undefined);
  assert.equal(prepareHeaders(list), list);
  assert.throws(() => list.push(["Y", "1"]), TypeError);
  assert.throws(() => ((list[0] as [string, string])[1] = "6"), TypeError);
  assert.deepEqual(preparedHeaders(list), {
    list,
    contentLength: 5,
    text: "Content-Length: 5\r\nX: caf\u00e9\r\n",
    hasDate: false,
    hasUpgrade: false,
    derivations: 0,
    derived: undefined,
  });
  assert.equal(takeHeaders(list).list, list);
  assert.equal(checkHeaders(list), 5);
});

test("prepareHeaders: a bad list is refused, and not frozen", () => {
  const list: [string, string][] = [["X", "\n"]];
  assert.throws(() => prepareHeaders(list), { code: "TSGI_BAD_HEADER" });
  assert.equal(preparedHeaders(list), undefined);
  list.pop();
});

test("deriveHeaders: what is made of a prepared list again and again is prepared, and is what would be made anew", () => {
  const base = prepareHeaders([["X", "a"]]);
  let made = 0;
  const derive = (headers: HeaderList): HeaderList => {
    made++;
    return [...headers, ["Y", "b"]];
  };
  const lists = Array.from({ length: 10 }, () => deriveHeaders(base, derive));
  for (const list of lists) {
    assert.deepEqual(list, [
      ["X", "a"],
      ["Y", "b"],
    ]);
  }
  assert.equal(made, 3);
  assert.equal(preparedHeaders(lists[9] as HeaderList)?.text, "X: a\r\nY: b\r\n");
  assert.deepEqual(
    deriveHeaders(base, (headers) => headers.slice(1)),
    [],
  );
  assert.deepEqual(base, [["X", "a"]]);
});

test("deriveHeaders: of a list that was not prepared it is made each time, and can be changed", () => {
  const derive = (headers: HeaderList): HeaderList => [...headers, ["Y", "b"]];
  for (let turn = 0; turn < 10; turn++) {
    const list = deriveHeaders([["X", String(turn)]], derive) as [string, string][];
    assert.equal(list[0]?.[1], String(turn));
    list.push(["Z", "c"]);
  }
});

test("deriveHeaders: layers that are made for each request are not kept", () => {
  const base = prepareHeaders([["X", "a"]]);
  for (let turn = 0; turn < 1000; turn++) deriveHeaders(base, (headers) => [...headers, ["Y", String(turn)]]);
  assert.equal(preparedHeaders(base)?.derived?.size, 8);
});

test("deriveHeaders: a list for a 426 stays one", () => {
  const base = prepareHeaders([["Upgrade", "h2c"]], 426);
  const derive = (headers: HeaderList): HeaderList => [...headers, ["Y", "b"]];
  for (let turn = 0; turn < 5; turn++) {
    const list = deriveHeaders(base, derive);
    assert.equal(checkHeaders(list, 426), -1);
    assert.throws(() => checkHeaders(list, 200), { code: "TSGI_HOP_BY_HOP" });
  }
});

test("prepareLines: long values are checked once, and then frozen", () => {
  const lines = prepareLines([["X", "a".repeat(200)]]) as [string, string][];
  assert.equal(checkHeaders([["Y", "b"], ...lines]), -1);
  assert.throws(() => {
    (lines[0] as [string, string])[1] = "\n";
  }, TypeError);
  assert.throws(() => prepareLines([["X", `${"a".repeat(200)}\n`]]), { code: "TSGI_BAD_HEADER" });
  assert.throws(() => checkHeaders([["X", `${"a".repeat(200)}\n`]]), { code: "TSGI_BAD_HEADER" });
});

test("isBeyondAscii: a byte from 0x80 is", () => {
  assert.deepEqual(["", "a", "\x7f", "\x80", "\xff"].map(isBeyondAscii), [false, false, false, true, true]);
});

test("checkHeaders: a line that is good at its place says nothing of another one there", () => {
  const list: [string, string][] = [
    ["X-A", "a"],
    ["X-B", "b"],
  ];
  assert.equal(checkHeaders(list), -1);
  assert.equal(checkHeaders(list), -1);
  list[1] = ["X-B", "b\n"];
  assert.throws(() => checkHeaders(list), { code: "TSGI_BAD_HEADER" });
  list[1] = ["X-B\n", "b"];
  assert.throws(() => checkHeaders(list), { code: "TSGI_BAD_HEADER" });
  list[1] = ["X-B", 1 as unknown as string];
  assert.throws(() => checkHeaders(list), { code: "TSGI_BAD_HEADER" });
  list[1] = ["X-B", "b"];
  assert.equal(checkHeaders(list), -1);
});

test("checkHeaders: a second Content-Length is found at whatever place, each time", () => {
  const list: [string, string][] = [
    ["Content-Length", "1"],
    ["Content-Length", "1"],
  ];
  assert.equal(checkHeaders([["Content-Length", "1"]]), 1);
  for (let times = 0; times < 2; times++) assert.throws(() => checkHeaders(list), { code: "TSGI_BAD_HEADER" });
});

test("withGoodLine: the list with one line more; the list itself stays as it is", () => {
  const list = Object.freeze([["X-A", "a"] as const]);
  const longer = withGoodLine(list, "X-Id", "1");
  assert.deepEqual(longer, [
    ["X-A", "a"],
    ["X-Id", "1"],
  ]);
  assert.deepEqual(list, [["X-A", "a"]]);
  assert.equal(checkHeaders(longer), -1);
  assert.throws(
    () =>
      checkHeaders([
        ["X-A", "a"],
        ["X-Id", "1\n"],
      ]),
    { code: "TSGI_BAD_HEADER" },
  );
});

test("withGoodLine: what is not a list is left to the check", () => {
  const none = undefined as unknown as HeaderList;
  assert.throws(() => checkHeaders(withGoodLine(none, "X-Id", "1")), { code: "TSGI_BAD_HEADER" });
});
