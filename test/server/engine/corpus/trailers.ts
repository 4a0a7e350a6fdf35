import {
  accepts,
  bytesThat,
  chunks,
  crlf,
  get,
  got,
  gotChunks,
  gotPart,
  head,
  insertedAt,
  refuses,
  type Subject,
  waits,
  within,
} from "./notation.ts";

/** A body of one byte, and trailer lines. */
function trailed(...lines: string[]): string {
  return chunks("1\r\nx\r\n0\r\n", head(...lines));
}

/** Trailer lines, as they are sent and as they are read. */
function taken(section: string, name: string, sent: readonly string[], read = sent): ReturnType<typeof accepts> {
  return accepts(section, name, trailed(...sent), gotChunks("x", { trailers: read }));
}

function refused(section: string, name: string, ...lines: string[]): ReturnType<typeof refuses> {
  return refuses(400, section, name, trailed(...lines), gotPart("x"));
}

const TRAILERS_AT = trailed().length - 2;

export const trailers: Subject = {
  title: "trailers",
  cases: [
    taken("9112 §7.1.2", "one", ["X: y"]),
    taken("9110 §5.3", "several, in order, case and repeats as sent", ["X: 1", "y: 2", "x: 3"]),
    taken("9110 §5.5", "spaces and tabs around a value", ["X:\t y \t"], ["X: y"]),
    taken("9110 §5.5", "an empty value", ["X:"], ["X: "]),
    taken("9110 §5.5", "bytes beyond ASCII in a value", ["X: \x80\xff"]),
    taken("9110 §6.5.1", "a length does not change the body", ["Content-Length: 100"]),
    taken("9110 §6.5.1", "two lengths that differ", ["Content-Length: 1", "Content-Length: 2"]),
    taken("9110 §6.5.1", "a transfer coding does not change the body", ["Transfer-Encoding: gzip"]),
    taken("9110 §6.5.1", "another chunked coding", ["Transfer-Encoding: chunked"]),
    taken("9110 §6.5.1", "a host does not change the host", ["Host: b"]),
    taken("9110 §6.5.1", "`Connection: close` does not end the connection", ["Connection: close"]),
    taken("9110 §6.5.1", "an expectation is not answered", ["Expect: tea"]),
    accepts(
      "9110 §6.5.1",
      "a trailer is not a header of the environ",
      trailed("Authorization: Basic YTpi", "Content-Type: text/html"),
      gotChunks("x", {
        trailers: ["Authorization: Basic YTpi", "Content-Type: text/html"],
        seen: { HTTP_AUTHORIZATION: undefined, CONTENT_TYPE: undefined },
      }),
    ),
    accepts(
      "9110 §6.5",
      "a trailer does not change a header that was sent",
      `${head("POST / HTTP/1.1", "Host: a", "X: 1", "Trailer: X", "Transfer-Encoding: chunked")}0\r\nX: 2\r\n\r\n`,
      gotChunks("", {
        more: ["X: 1", "Trailer: X", "Transfer-Encoding: chunked"],
        trailers: ["X: 2"],
        seen: { HTTP_X: "1" },
      }),
    ),
    accepts(
      "9112 §7.1.2",
      "those of one request are not the next one's",
      trailed("X: y") + trailed() + get("/b"),
      gotChunks("x", { trailers: ["X: y"] }),
      gotChunks("x"),
      got({ target: "/b" }),
    ),
    accepts(
      "9112 §7.1.2",
      "what looks like trailers after a sized body is the next request",
      `${head("POST / HTTP/1.1", "Host: a", "Content-Length: 1")}x${get("/b")}`,
      got({ method: "POST", more: ["Content-Length: 1"], body: "x" }),
      got({ target: "/b" }),
    ),
    refused("9112 §5", "a line without a colon", "X"),
    refused("9112 §5", "an empty name", ": y"),
    refused("9112 §5.1", "a space before the colon", "X : y"),
    refused("9112 §5.1", "a tab before the colon", "X\t: y"),
    refused("9112 §5.2", "a folded value", "X: y", " z"),
    refused("9112 §5.2", "a folded value, of a tab", "X: y", "\tz"),
    refused("9112 §5.2", "a space before the first line", " X: y"),
    refused("9112 §2.2", "a line that ends in a bare LF", "X: y\nZ: z"),
    refused("9112 §2.2", "a line that ends in a bare CR", "X: y\rZ: z"),
    refused("9112 §2.2", "a line that ends in LF and CR", "X: y\n\rZ: z"),
    refused("9112 §2.2", "a line that ends in two CR and LF", "X: y\r"),
    refused("9112 §7.1", "a chunk in their place", "1", "y", "0"),
    refused("9112 §7.1", "a request line in their place", "GET /b HTTP/1.1", "Host: a"),
    refused("9110 §5.5", "a tab in a name", "X\tY: z"),
    refuses(
      400,
      "9110 §5.6.2",
      "every byte in a name that is not of a token",
      bytesThat((byte) => !/[!#$%&'*+\-.^_`|~\dA-Za-z:\t\r\n]/.test(byte)).map((byte) => trailed(`X${byte}Y: z`)),
      gotPart("x"),
    ),
    refuses(
      400,
      "9110 §5.5",
      "every control in a value, and DEL",
      bytesThat((byte) => (byte < " " && !/[\t\r\n]/.test(byte)) || byte === "\x7f").map((byte) =>
        trailed(`X: y${byte}z`),
      ),
      gotPart("x"),
    ),
    refuses(400, "9110 §5.5", "NUL at every place", insertedAt(trailed("X: y"), "\0", TRAILERS_AT), gotPart("x")),
    refuses(
      400,
      "9112 §2.2",
      "a bare CR at every place",
      insertedAt(`${trailed("A: b", "X: y")}`, "\r", TRAILERS_AT, TRAILERS_AT + 13),
      gotPart("x"),
    ),
    refuses(
      400,
      "9112 §2.2",
      "a bare LF at every place",
      insertedAt(`${trailed("A: b", "X: y")}`, "\n", TRAILERS_AT, TRAILERS_AT + 13),
      gotPart("x"),
    ),
    refuses(400, "9112 §2.2", "an end of a bare LF", `${trailed("X: y").slice(0, -2)}\n`, gotPart("x")),
    waits("9112 §8", "a part of one", chunks("0\r\nX: "), gotPart("")),
    waits("9112 §8", "one without the empty line", chunks(`0\r\n${crlf("X: y")}`), gotPart("")),
    within({ lines: 4 }, taken("6585 §5", "as many lines as a head may have", ["A: 1", "B: 2", "C: 3", "D: 4"])),
    within(
      { lines: 4 },
      refuses(
        431,
        "6585 §5",
        "a line more than a head may have",
        trailed("A: 1", "B: 2", "C: 3", "D: 4", "E: 5"),
        gotPart("x"),
      ),
    ),
    within(
      { lines: 4 },
      refuses(431, "6585 §5", "lines without end", chunks(`0\r\n${"A: 1\r\n".repeat(10)}`), gotPart("")),
    ),
    within({ headSize: 100 }, taken("6585 §5", "as many bytes as a head may have", [`X: ${"y".repeat(93)}`])),
    within(
      { headSize: 100 },
      refuses(431, "6585 §5", "a byte more than a head may have", trailed(`X: ${"y".repeat(94)}`), gotPart("x")),
    ),
    within(
      { headSize: 100 },
      refuses(431, "6585 §5", "a line without end", chunks(`0\r\nX: ${"y".repeat(200)}`), gotPart("")),
    ),
    within(
      { headSize: 100 },
      refuses(431, "6585 §5", "a name without end", chunks(`0\r\n${"n".repeat(200)}`), gotPart("")),
    ),
  ],
};
