import {
  accepts,
  bytesThat,
  crlf,
  get,
  got,
  head,
  insertedAt,
  refuses,
  type Subject,
  utf8,
  waits,
} from "./notation.ts";

/** A value, as it is sent after the colon and as it is read. */
function value(section: string, name: string, sent: string, read: string): ReturnType<typeof accepts> {
  return accepts(section, name, get("/", `X:${sent}`), got({ more: [`X: ${read}`] }));
}

/** A name that is a token. */
function named(section: string, name: string, field: string): ReturnType<typeof accepts> {
  return accepts(section, name, get("/", `${field}: v`), got({ more: [`${field}: v`] }));
}

const HEAD = get("/", "X: y");
/** Where its header lines begin. */
const LINES_AT = HEAD.indexOf("Host");
/** Lengths of a value of `X` that ends around 2 KiB of head: a parser may look at a head in pieces. */
const AROUND_2_KIB = Array.from({ length: 12 }, (_, index) => 2_010 + index);
const isControl = (byte: string) => byte < " " || byte === "\x7f";

export const headerLines: Subject = {
  title: "header lines",
  cases: [
    named("9110 §5.1", "the case of a name is kept", "x-FORWARDED-For"),
    named("9110 §5.6.2", "a name of one letter", "x"),
    named("9110 §5.6.2", "a name of digits", "123"),
    named("9110 §5.6.2", "every character of a token in a name", "!#$%&'*+-.^_`|~09AZaz"),
    named("9110 §5.1", "a name that JavaScript's objects have", "__proto__"),
    named("9110 §5.1", "another name that JavaScript's objects have", "constructor"),
    accepts(
      "9110 §5.1",
      "names of every length up to 80",
      get("/", ...Array.from({ length: 80 }, (_, index) => `${"n".repeat(index + 1)}: v`)),
      got({ more: Array.from({ length: 80 }, (_, index) => `${"n".repeat(index + 1)}: v`) }),
    ),
    named("9110 §5.1", "a name of 8 KiB", "n".repeat(8_192)),
    accepts(
      "9110 §5.3",
      "repeated names stay in order and in their case",
      get("/", "X: 1", "Y: 2", "x: 3", "X: 1"),
      got({ more: ["X: 1", "Y: 2", "x: 3", "X: 1"], seen: { HTTP_X: "1, 3, 1" } }),
    ),
    accepts(
      "6265 §5.4",
      "repeated cookies",
      get("/", "Cookie: a=b", "Cookie: c=d"),
      got({ more: ["Cookie: a=b", "Cookie: c=d"], seen: { HTTP_COOKIE: "a=b; c=d" } }),
    ),
    accepts(
      "3875 §4.1.18",
      "a name with an underscore passes for no other",
      get("/", "X-Y: 1", "X_Y: 2"),
      got({ more: ["X-Y: 1", "X_Y: 2"], seen: { HTTP_X_Y: "1" } }),
    ),
    accepts(
      "9112 §5",
      "the lines before Host",
      head("GET / HTTP/1.1", "X: y", "Host: a"),
      got({ lines: ["X: y", "Host: a"] }),
    ),
    accepts(
      "9112 §5",
      "what a browser sends",
      get(
        "/",
        "Connection: keep-alive",
        'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
        "sec-ch-ua-mobile: ?0",
        "Upgrade-Insecure-Requests: 1",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-GB,en;q=0.9",
      ),
      got({
        more: [
          "Connection: keep-alive",
          'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
          "sec-ch-ua-mobile: ?0",
          "Upgrade-Insecure-Requests: 1",
          "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
          "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
          "Accept-Encoding: gzip, deflate, br, zstd",
          "Accept-Language: en-GB,en;q=0.9",
        ],
      }),
    ),

    refuses(400, "9112 §5", "a line without a colon", get("/", "X")),
    refuses(400, "9112 §5", "a line without a colon after a good one", get("/", "X: y", "Z")),
    refuses(400, "9112 §5", "an empty name", get("/", ": v")),
    refuses(400, "9112 §5", "a colon, and no more", get("/", ":")),
    refuses(400, "9112 §5.1", "a space before the colon", get("/", "X : y")),
    refuses(400, "9112 §5.1", "a tab before the colon", get("/", "X\t: y")),
    refuses(400, "9112 §5.1", "a space in a name", get("/", "X Y: z")),
    refuses(400, "9112 §5.1", "a space in place of the name", get("/", " : z")),
    refuses(
      400,
      "9110 §5.6.2",
      "every byte in a name that is not of a token",
      bytesThat((byte) => !/[!#$%&'*+\-.^_`|~\dA-Za-z:\s]/.test(byte) || byte === "\xa0").map((byte) =>
        get("/", `X${byte}Y: z`),
      ),
    ),
    refuses(
      400,
      "9110 §5.6.2",
      "every byte before a name that is not of a token",
      bytesThat((byte) => !/[!#$%&'*+\-.^_`|~\dA-Za-z:\s]/.test(byte) || byte === "\xa0").map((byte) =>
        get("/", `${byte}X: z`),
      ),
    ),
    refuses(
      400,
      "9110 §5.6.2",
      "every byte after a name that is not of a token",
      bytesThat((byte) => !/[!#$%&'*+\-.^_`|~\dA-Za-z:\s]/.test(byte) || byte === "\xa0").map((byte) =>
        get("/", `X${byte}: z`),
      ),
    ),
    refuses(400, "9110 §5.6.2", "a name in UTF-8", get("/", `${utf8("Ä")}: z`)),
    refuses(400, "9112 §5", "a second request line", get("/", "GET / HTTP/1.1")),

    value("9110 §5.5", "no space after the colon", "y", "y"),
    value("9110 §5.5", "spaces around a value", "   y  ", "y"),
    value("9110 §5.5", "tabs around a value", "\t\ty\t", "y"),
    value("9110 §5.5", "spaces and tabs in turn", " \t \ty \t \t", "y"),
    value("9110 §5.5", "spaces inside a value", " a  b ", "a  b"),
    value("9110 §5.5", "a tab inside a value", " a\tb", "a\tb"),
    value("9110 §5.5", "an empty value", "", ""),
    value("9110 §5.5", "a value of one space", " ", ""),
    value("9110 §5.5", "a value of spaces and tabs", " \t \t", ""),
    value("9110 §5.5", "colons in a value", " a:b: c", "a:b: c"),
    value("9110 §5.5", "a value that begins with a colon", ": y", ": y"),
    value("9110 §5.5", "a quote without its other half", ' "a', '"a'),
    value("9110 §5.5", "escapes stay as they are", " %0d%0aY:%20z \\r\\n", "%0d%0aY:%20z \\r\\n"),
    value(
      "9110 §5.5",
      "every byte of ASCII that is not a control",
      ` ${bytesThat((byte) => byte > " " && byte < "\x7f").join("")}`,
      bytesThat((byte) => byte > " " && byte < "\x7f").join(""),
    ),
    value(
      "9110 §5.5",
      "every byte beyond ASCII",
      bytesThat((byte) => byte > "\x7f").join(""),
      bytesThat((byte) => byte > "\x7f").join(""),
    ),
    value("9110 §5.5", "a no-break space is not trimmed", "\xa0y\xa0", "\xa0y\xa0"),
    value("9110 §5.5", "the next-line control of Latin-1 is not trimmed", "\x85y\x85", "\x85y\x85"),
    value("9110 §5.5", "the byte-order mark of UTF-8 is not trimmed", ` ${utf8("\ufeff")}y`, `${utf8("\ufeff")}y`),
    value("9110 §5.5", "bytes whose low seven bits are CR and LF", " \x8d\x8aY: z", "\x8d\x8aY: z"),
    value(
      "9110 §5.5",
      "characters whose low byte is LF, in UTF-8",
      ` ${utf8("\u010a\u560a\u560d")}`,
      utf8("\u010a\u560a\u560d"),
    ),
    value("9110 §5.5", "a value of 8 KiB", ` ${"v".repeat(8_192)}`, "v".repeat(8_192)),
    accepts(
      "9110 §5.5",
      "line ends at every place around 2 KiB",
      AROUND_2_KIB.map((length) => get("/", `X: ${"v".repeat(length)}`, "Y: z")).join(""),
      ...AROUND_2_KIB.map((length) => got({ more: [`X: ${"v".repeat(length)}`, "Y: z"] })),
    ),
    refuses(
      400,
      "9112 §2.2",
      "a bare CR or LF at every place around 2 KiB",
      AROUND_2_KIB.flatMap((length) =>
        ["\r", "\n", "\n\r", "\r\r\n"].map((end) => get("/", `X: ${"v".repeat(length)}${end}Y: z`)),
      ),
    ),
    refuses(
      400,
      "9110 §5.5",
      "a control at every place around 2 KiB",
      AROUND_2_KIB.map((length) => get("/", `X: ${"v".repeat(length)}\x1f`)),
    ),
    refuses(
      400,
      "9110 §5.5",
      "every control inside a value, and DEL",
      bytesThat((byte) => isControl(byte) && byte !== "\t").map((byte) => get("/", `X: y${byte}z`)),
    ),
    refuses(
      400,
      "9110 §5.5",
      "every control before a value, and DEL",
      bytesThat((byte) => isControl(byte) && byte !== "\t").map((byte) => get("/", `X:${byte}y`)),
    ),
    refuses(
      400,
      "9110 §5.5",
      "every control after a value, and DEL",
      bytesThat((byte) => isControl(byte) && !/[\t\r\n]/.test(byte)).map((byte) => get("/", `X: y ${byte}`)),
    ),
    refuses(
      400,
      "9110 §5.5",
      "a control at every place of a long value",
      Array.from({ length: 40 }, (_, at) => get("/", `X: ${"v".repeat(at)}\x01${"v".repeat(40 - at)}`)),
    ),
    refuses(
      400,
      "9110 §5.5",
      "DEL at every place of a long value",
      Array.from({ length: 40 }, (_, at) => get("/", `X: ${"v".repeat(at)}\x7f${"v".repeat(40 - at)}`)),
    ),
    refuses(400, "9110 §5.5", "NUL at every place", insertedAt(HEAD, "\0", LINES_AT)),

    refuses(400, "9112 §5.2", "a value folded with a space", get("/", "X: y", " z")),
    refuses(400, "9112 §5.2", "a value folded with a tab", get("/", "X: y", "\tz")),
    refuses(400, "9112 §5.2", "a value that begins on the next line", get("/", "X:", " y")),
    refuses(400, "9112 §5.2", "a value folded into a line of spaces", get("/", "X: y", "  ")),
    refuses(400, "9112 §5.2", "a folded line that looks like a header line", get("/", "X: y", " Z: z")),
    refuses(400, "9112 §2.2", "a space before the first line", head("GET / HTTP/1.1", " Host: a")),
    refuses(400, "9112 §2.2", "a tab before the first line", head("GET / HTTP/1.1", "\tHost: a")),
    refuses(400, "9112 §2.2", "a line of one space before the first line", head("GET / HTTP/1.1", " ", "Host: a")),

    refuses(400, "9112 §2.2", "a line that ends in a bare LF", get("/", "X: y\nZ: z")),
    refuses(400, "9112 §2.2", "a line that ends in a bare CR", get("/", "X: y\rZ: z")),
    refuses(400, "9112 §2.2", "a line that ends in LF and CR", get("/", "X: y\n\rZ: z")),
    refuses(400, "9112 §2.2", "a line that ends in two CR and LF", get("/", "X: y\r")),
    refuses(
      400,
      "9112 §2.2",
      "the last line ends in a bare LF",
      `${crlf("GET / HTTP/1.1", "Host: a", "X: y").slice(0, -2)}\n\r\n`,
    ),
    refuses(400, "9112 §2.2", "a head that ends in a bare LF", `${crlf("GET / HTTP/1.1", "Host: a")}\n`),
    refuses(
      400,
      "9112 §2.2",
      "a head that ends in a bare LF, and a request after it",
      `${crlf("GET / HTTP/1.1", "Host: a")}\n${get("/")}`,
    ),
    refuses(
      400,
      "9112 §2.2",
      "a head that ends in a bare CR, and a request after it",
      `${crlf("GET / HTTP/1.1", "Host: a")}\r${get("/")}`,
    ),
    refuses(400, "9112 §2.2", "a head that ends in two bare LF", "GET / HTTP/1.1\r\nHost: a\n\n"),
    refuses(400, "9112 §2.2", "bare LF throughout", get("/").replaceAll("\r\n", "\n")),
    refuses(400, "9112 §2.2", "bare CR throughout", `${get("/").replaceAll("\r\n", "\r")}\r\n\r\n`),
    refuses(400, "9112 §2.2", "LF and CR throughout", get("/").replaceAll("\r\n", "\n\r")),
    refuses(400, "9112 §2.2", "a bare CR at every place", insertedAt(HEAD, "\r", LINES_AT, HEAD.length - 4)),
    refuses(400, "9112 §2.2", "a bare LF at every place", insertedAt(HEAD, "\n", LINES_AT, HEAD.length - 4)),
    refuses(
      400,
      "9112 §2.2",
      "LF and CR at every place of a line",
      insertedAt(HEAD, "\n\r", LINES_AT, HEAD.indexOf("\r\n", LINES_AT) + 1),
    ),
    refuses(
      400,
      "9112 §2.2",
      "a line end at every place in the name and value of Host",
      insertedAt(get("/"), "\r\n", get("/").indexOf("Host"), get("/").indexOf("\r\n\r\n")),
    ),
    waits("9112 §8", "a head without its end", crlf("GET / HTTP/1.1", "Host: a")),
    waits("9112 §8", "a head without its last byte", get("/").slice(0, -1)),
    waits("9112 §8", "a part of a name", "GET / HTTP/1.1\r\nHo"),
    waits("9112 §8", "a part of a value", "GET / HTTP/1.1\r\nHost: a\r\nX: y"),
  ],
};
