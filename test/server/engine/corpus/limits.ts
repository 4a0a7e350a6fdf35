import { accepts, get, got, head, post, refuses, type Subject, waits, within } from "./notation.ts";

/** A target of so many bytes. */
function target(length: number): string {
  return `/${"t".repeat(length - 1)}`;
}

/** A value which makes a head of so many bytes of `get("/", "X: …")`. */
function filling(size: number): string {
  return "v".repeat(size - get("/", "X: ").length);
}

/** Where the value begins in the head of `get("/", "X: …")`. */
const VALUE_AT = get("/", "X: ").length - "\r\n\r\n".length;

const FOUR = ["A: 1", "B: 2", "C: 3"];

export const limits: Subject = {
  title: "limits",
  cases: [
    within(
      { targetLength: 50 },
      accepts("9110 §15.5.15", "the longest target", get(target(50)), got({ target: target(50) })),
    ),
    within({ targetLength: 50 }, refuses(414, "9110 §15.5.15", "a byte more than the longest target", get(target(51)))),
    within({ targetLength: 50 }, refuses(414, "9110 §15.5.15", "a target without end", `GET ${target(51)}`)),
    within(
      { targetLength: 50 },
      waits("9110 §15.5.15", "the longest target, of which no end has come", `GET ${target(50)}`),
    ),
    within({ targetLength: 50 }, refuses(414, "9110 §15.5.15", "a long query", get(`/?${"q".repeat(49)}`))),
    within(
      { targetLength: 50 },
      refuses(414, "9110 §15.5.15", "a long absolute form", get(`http://a/${"t".repeat(42)}`)),
    ),
    within(
      { targetLength: 50 },
      accepts(
        "9110 §15.5.15",
        "a long method does not make a target longer",
        head(`${"M".repeat(32)} ${target(50)} HTTP/1.1`, "Host: a"),
        got({ method: "M".repeat(32), target: target(50) }),
      ),
    ),
    within(
      { targetLength: 50 },
      refuses(414, "9110 §15.5.15", "a long target after a request", get("/") + get(target(51)), got()),
    ),
    within(
      { targetLength: 50 },
      refuses(414, "9110 §15.5.15", "a long target in HTTP/1.0", head(`GET ${target(51)} HTTP/1.0`)),
    ),
    within(
      { targetLength: 50 },
      refuses(
        414,
        "9110 §15.5.15",
        "a long target counts before an unknown version",
        head(`GET ${target(51)} HTTP/2.0`),
      ),
    ),
    within(
      { targetLength: 50 },
      refuses(
        414,
        "9110 §15.5.15",
        "a long target counts before what is wrong behind it",
        `GET ${target(51)} HTTP/1.1\r\nHo st: a\r\n\r\n`,
      ),
    ),
    within(
      { targetLength: 200, headSize: 100 },
      refuses(414, "9110 §15.5.15", "a target longer than a head may be", get(target(150))),
    ),
    within(
      { targetLength: 50, headSize: 100 },
      refuses(414, "9110 §15.5.15", "a target longer than both limits", get(target(200))),
    ),
    accepts(
      "9112 §3",
      "a target of 8,000 bytes, which all should take",
      get(target(8_000)),
      got({ target: target(8_000) }),
    ),
    refuses(414, "9110 §15.5.15", "a target of 64 KiB", get(target(65_536))),

    within(
      { headSize: 200 },
      accepts("6585 §5", "the largest head", get("/", `X: ${filling(200)}`), got({ more: [`X: ${filling(200)}`] })),
    ),
    within(
      { headSize: 200 },
      refuses(431, "6585 §5", "a byte more than the largest head", get("/", `X: ${filling(201)}`)),
    ),
    within(
      { headSize: 200 },
      refuses(431, "6585 §5", "a value without end", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"v".repeat(200)}`),
    ),
    within(
      { headSize: 200 },
      refuses(431, "6585 §5", "a name without end", `GET / HTTP/1.1\r\nHost: a\r\n${"n".repeat(200)}`),
    ),
    within(
      { headSize: 200 },
      refuses(431, "6585 §5", "spaces without end", `GET / HTTP/1.1\r\nHost: a\r\nX:${" ".repeat(200)}`),
    ),
    within(
      { headSize: 200 },
      refuses(431, "6585 §5", "lines without end", `GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(40)}`),
    ),
    within(
      { headSize: 200 },
      refuses(431, "6585 §5", "a large head after a request", get("/") + get("/", `X: ${filling(201)}`), got()),
    ),
    within(
      { headSize: 200 },
      accepts(
        "6585 §5",
        "two heads that are larger together",
        get("/", `X: ${filling(150)}`).repeat(2),
        got({ more: [`X: ${filling(150)}`] }),
        got({ more: [`X: ${filling(150)}`] }),
      ),
    ),
    within(
      { headSize: 200 },
      accepts(
        "6585 §5",
        "a body is not a part of a head",
        post("Content-Length: 500") + "b".repeat(500),
        got({ method: "POST", more: ["Content-Length: 500"], body: "b".repeat(500) }),
      ),
    ),
    within(
      { headSize: 200 },
      accepts(
        "6585 §5",
        "empty lines before a head are not a part of it",
        `\r\n\r\n${get("/", `X: ${filling(200)}`)}`,
        got({ more: [`X: ${filling(200)}`] }),
      ),
    ),
    within(
      { headSize: 200 },
      refuses(
        400,
        "9110 §5.5",
        "what is malformed within the limit counts before it",
        get("/", "X: \0", `Y: ${"v".repeat(200)}`),
      ),
    ),
    within(
      { headSize: 200 },
      refuses(
        431,
        "6585 §5",
        "the limit counts before what is malformed behind it",
        get("/", `Y: ${"v".repeat(200)}`, "X: \0"),
      ),
    ),
    within(
      { headSize: 100 },
      refuses(
        400,
        "9110 §5.5",
        "a control at every place up to the limit",
        Array.from({ length: 100 - VALUE_AT }, (_, at) => get("/", `X: ${"v".repeat(at)}\0${"v".repeat(100)}`)),
      ),
    ),
    within(
      { headSize: 100 },
      refuses(
        431,
        "6585 §5",
        "a control at every place behind the limit",
        Array.from({ length: 30 }, (_, at) => get("/", `X: ${"v".repeat(101 - VALUE_AT + at)}\0`)),
      ),
    ),
    within(
      { headSize: 100 },
      refuses(
        431,
        "6585 §5",
        "a line end at every place around the limit",
        Array.from({ length: 20 }, (_, at) => get("/", `X: ${"v".repeat(90 - VALUE_AT + at)}`, `Y: ${"v".repeat(30)}`)),
      ),
    ),
    within(
      { targetLength: 50 },
      refuses(
        400,
        "9112 §3.2",
        "a control at every place of a target up to its limit",
        Array.from({ length: 50 }, (_, at) => get(`/${"t".repeat(at)}\0${"t".repeat(50)}`)),
      ),
    ),
    within(
      { targetLength: 50 },
      refuses(
        414,
        "9110 §15.5.15",
        "a control at every place of a target behind its limit",
        Array.from({ length: 20 }, (_, at) => get(`${target(51 + at)}\0`)),
      ),
    ),
    accepts("6585 §5", "16 KiB of head", get("/", `X: ${filling(16_384)}`), got({ more: [`X: ${filling(16_384)}`] })),
    refuses(431, "6585 §5", "16 KiB and a byte of head", get("/", `X: ${filling(16_385)}`)),
    refuses(431, "6585 §5", "64 KiB of one value", get("/", `X: ${"v".repeat(65_536)}`)),
    refuses(431, "6585 §5", "64 KiB of one name", get("/", `${"n".repeat(65_536)}: v`)),
    within(
      { headSize: Number.POSITIVE_INFINITY },
      accepts(
        "6585 §5",
        "64 KiB of head without a limit",
        get("/", `X: ${"v".repeat(65_536)}`),
        got({ more: [`X: ${"v".repeat(65_536)}`] }),
      ),
    ),
    within(
      { targetLength: Number.POSITIVE_INFINITY, headSize: Number.POSITIVE_INFINITY },
      accepts(
        "9110 §15.5.15",
        "64 KiB of target without a limit",
        get(target(65_536)),
        got({ target: target(65_536) }),
      ),
    ),

    within(
      { lines: 4 },
      accepts("6585 §5", "as many lines as a head may have", get("/", ...FOUR), got({ more: FOUR })),
    ),
    within({ lines: 4 }, refuses(431, "6585 §5", "a line more than a head may have", get("/", ...FOUR, "D: 4"))),
    within(
      { lines: 4 },
      refuses(431, "6585 §5", "a line more of the same name", get("/", "A: 1", "A: 1", "A: 1", "A: 1")),
    ),
    within(
      { lines: 4 },
      refuses(431, "6585 §5", "a line more, of which nothing follows", get("/", ...FOUR, "D: 4").slice(0, -2)),
    ),
    within(
      { lines: 4 },
      accepts(
        "6585 §5",
        "two heads that have more lines together",
        get("/", ...FOUR).repeat(2),
        got({ more: FOUR }),
        got({ more: FOUR }),
      ),
    ),
    accepts(
      "6585 §5",
      "a hundred lines",
      get("/", ...Array.from({ length: 99 }, (_, index) => `X-${index}: y`)),
      got({ more: Array.from({ length: 99 }, (_, index) => `X-${index}: y`) }),
    ),
    refuses(
      431,
      "6585 §5",
      "a hundred and one lines",
      get("/", ...Array.from({ length: 100 }, (_, index) => `X-${index}: y`)),
    ),
    within(
      { lines: Number.POSITIVE_INFINITY },
      accepts(
        "6585 §5",
        "a thousand lines without a limit",
        get("/", ...Array(999).fill("X: y")),
        got({ more: Array(999).fill("X: y") }),
      ),
    ),
  ],
};
