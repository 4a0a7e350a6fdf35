import { accepts, bytesThat, get, got, gotChunks, head, post, refuses, type Subject, utf8 } from "./notation.ts";

const BODY = "1\r\nx\r\n0\r\n\r\n";

function coded(...values: string[]): string {
  return post(...values.map((value) => `Transfer-Encoding:${value}`)) + BODY;
}

/** A line that names the coding, as it is sent and as it is read. */
function chunkedBy(section: string, name: string, sent: string, read: string): ReturnType<typeof accepts> {
  return accepts(section, name, post(sent) + BODY, gotChunks("x", { more: [read] }));
}

/** Lines that some reader takes for `Transfer-Encoding: chunked`, and another does not. */
function hidden(name: string, ...lines: string[]): ReturnType<typeof refuses> {
  return refuses(400, "9112 §11.2", name, post(...lines) + BODY);
}

/** A header that is another one. Its request has no body: what follows is the next request. */
function other(name: string, line: string): ReturnType<typeof accepts> {
  return accepts(
    "9110 §5.1",
    name,
    post(line) + get("/b"),
    got({ method: "POST", more: [line] }),
    got({ target: "/b" }),
  );
}

export const transferEncodings: Subject = {
  title: "transfer-encoding",
  cases: [
    chunkedBy("9112 §6.1", "chunked", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    chunkedBy("9112 §7", "chunked in upper case", "Transfer-Encoding: CHUNKED", "Transfer-Encoding: CHUNKED"),
    chunkedBy("9112 §7", "chunked in both cases", "Transfer-Encoding: Chunked", "Transfer-Encoding: Chunked"),
    chunkedBy("9110 §5.1", "its name in upper case", "TRANSFER-ENCODING: chunked", "TRANSFER-ENCODING: chunked"),
    chunkedBy("9110 §5.1", "its name in lower case", "transfer-encoding: chunked", "transfer-encoding: chunked"),
    chunkedBy("9110 §5.5", "no space after the colon", "Transfer-Encoding:chunked", "Transfer-Encoding: chunked"),
    chunkedBy("9110 §5.5", "tabs around it", "Transfer-Encoding:\tchunked\t", "Transfer-Encoding: chunked"),
    chunkedBy(
      "9110 §5.5",
      "many spaces around it",
      `Transfer-Encoding:${" ".repeat(50)}chunked   `,
      "Transfer-Encoding: chunked",
    ),
    accepts(
      "9112 §6.3",
      "a GET with a chunked body",
      get("/", "Transfer-Encoding: chunked") + BODY,
      got({ more: ["Transfer-Encoding: chunked"], body: "x" }),
    ),
    accepts(
      "9112 §6.3",
      "a HEAD with a chunked body",
      head("HEAD / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + BODY,
      got({ method: "HEAD", more: ["Transfer-Encoding: chunked"], body: "x" }),
    ),
    refuses(400, "9112 §6.1", "HTTP/1.0", head("POST / HTTP/1.0", "Transfer-Encoding: chunked") + BODY),
    refuses(
      400,
      "9112 §6.1",
      "HTTP/1.0, on a connection that is kept",
      head("POST / HTTP/1.0", "Connection: keep-alive", "Transfer-Encoding: chunked") + BODY,
    ),
    refuses(400, "9112 §6.1", "another coding in HTTP/1.0", head("POST / HTTP/1.0", "Transfer-Encoding: gzip")),
    refuses(400, "9112 §6.3", "a length before it", post("Content-Length: 11", "Transfer-Encoding: chunked") + BODY),
    refuses(400, "9112 §6.3", "a length after it", post("Transfer-Encoding: chunked", "Content-Length: 11") + BODY),
    refuses(
      400,
      "9112 §6.3",
      "a length of zero beside it",
      post("Content-Length: 0", "Transfer-Encoding: chunked") + BODY,
    ),
    refuses(
      400,
      "9112 §6.3",
      "a length that is malformed beside it",
      post("Content-Length: x", "Transfer-Encoding: chunked") + BODY,
    ),
    refuses(
      400,
      "9112 §6.3",
      "a length beside another coding",
      `${post("Content-Length: 1", "Transfer-Encoding: gzip")}x`,
    ),
    refuses(
      400,
      "9112 §6.3",
      "a length beside `identity`",
      `${post("Content-Length: 1", "Transfer-Encoding: identity")}x`,
    ),
    refuses(400, "9112 §6.3", "a length beside an empty one", `${post("Content-Length: 1", "Transfer-Encoding:")}x`),
    refuses(501, "9112 §6.1", "gzip", coded(" gzip")),
    refuses(501, "9112 §7", "identity, which is not a coding any more", coded(" identity")),
    refuses(501, "9112 §6.1", "a coding that nobody knows", coded(" cow")),
    refuses(501, "9112 §6.1", "gzip, then chunked", coded(" gzip, chunked")),
    refuses(501, "9112 §6.1", "gzip, then chunked, on two lines", coded(" gzip", " chunked")),
    refuses(501, "9112 §6.1", "identity, then chunked", coded(" identity, chunked")),
    refuses(400, "9112 §6.3", "chunked, then gzip", coded(" chunked, gzip")),
    refuses(400, "9112 §6.3", "chunked, then identity, on two lines", coded(" chunked", " identity")),
    refuses(400, "9112 §6.1", "chunked twice", coded(" chunked, chunked")),
    refuses(400, "9112 §6.1", "chunked twice, on two lines", coded(" chunked", " chunked")),
    refuses(
      400,
      "9112 §6.1",
      "chunked twice, on lines whose names differ in case",
      post("Transfer-Encoding: chunked", "transfer-encoding: chunked") + BODY,
    ),
    refuses(400, "9112 §6.1", "chunked around gzip", coded(" chunked, gzip, chunked")),
    refuses(400, "9112 §6.1", "chunked twice in two cases", coded(" chunked, CHUNKED")),
    refuses(400, "9110 §5.6.1", "no value", coded("")),
    refuses(400, "9110 §5.6.1", "an empty line of it, and a good one", coded("", " chunked")),
    refuses(400, "9110 §5.6.1", "an empty member after chunked", coded(" chunked,")),
    refuses(400, "9110 §5.6.1", "an empty member before chunked", coded(" ,chunked")),
    refuses(400, "9110 §5.6.1", "a comma alone", coded(" ,")),
    refuses(501, "9112 §7", "a parameter", coded(" chunked;a=b")),
    refuses(501, "9112 §7", "a semicolon", coded(" chunked;")),
    refuses(501, "9112 §6.1", "quotes", coded(' "chunked"')),
    refuses(501, "9112 §6.1", "single quotes", coded(" 'chunked'")),
    refuses(501, "9112 §6.1", "a letter before it", coded(" xchunked")),
    refuses(501, "9112 §6.1", "a letter after it", coded(" chunkedx")),
    refuses(501, "9112 §6.1", "all but its last letter", coded(" chunke")),
    refuses(501, "9112 §6.1", "a space inside it", coded(" chun ked")),
    refuses(501, "9112 §6.1", "a word before it", coded(" x chunked")),
    refuses(501, "9112 §6.1", "a word after it", coded(" chunked x")),
    refuses(501, "9112 §6.1", "a colon before it", coded(": chunked")),
    refuses(501, "9112 §6.1", "a letter that JavaScript lower-cases to k", coded(` chun${utf8("\u212a")}ed`)),
    refuses(501, "9110 §5.5", "a no-break space before it", coded(" \xa0chunked")),
    refuses(501, "9110 §5.5", "a no-break space after it", coded(" chunked\xa0")),
    refuses(501, "9110 §5.5", "a byte-order mark before it, in UTF-8", coded(` ${utf8("\ufeff")}chunked`)),
    refuses(
      501,
      "9110 §5.5",
      "every other byte beyond ASCII, before it and after it",
      bytesThat((byte) => byte > "\x7f" && byte !== "\xa0").flatMap((byte) => [
        coded(` ${byte}chunked`),
        coded(` chunked${byte}`),
      ]),
    ),
    refuses(
      400,
      "9110 §5.5",
      "every control before it and after it",
      bytesThat((byte) => (byte < " " && !/[\t\r\n]/.test(byte)) || byte === "\x7f").flatMap((byte) => [
        coded(`${byte}chunked`),
        coded(` chunked${byte}`),
      ]),
    ),
    hidden("a space before the colon", "Transfer-Encoding : chunked"),
    hidden("a tab before the colon", "Transfer-Encoding\t: chunked"),
    hidden("a vertical tab before the colon", "Transfer-Encoding\v: chunked"),
    hidden("NUL before the colon", "Transfer-Encoding\0: chunked"),
    hidden("a no-break space before the colon", "Transfer-Encoding\xa0: chunked"),
    hidden("a space before the name", " Transfer-Encoding: chunked"),
    hidden("a space before the name, after another line", "X: y", " Transfer-Encoding: chunked"),
    hidden("a space for the hyphen", "Transfer Encoding: chunked"),
    hidden("a bare CR before the name", "X: y\rTransfer-Encoding: chunked"),
    hidden("a bare LF before the name", "X: y\nTransfer-Encoding: chunked"),
    hidden("LF and CR before the name", "X: y\n\rTransfer-Encoding: chunked"),
    hidden("a bare LF after the value", "Transfer-Encoding: chunked\nX: y"),
    hidden("a bare CR after the value", "Transfer-Encoding: chunked\rX: y"),
    hidden("a value on the next line", "Transfer-Encoding:", " chunked"),
    hidden("a value on the next line, after a tab", "Transfer-Encoding:", "\tchunked"),
    hidden("a value that is folded", "Transfer-Encoding: chunked", " , identity"),
    hidden("a colon before the name", ":Transfer-Encoding: chunked"),
    hidden("no colon", "Transfer-Encoding chunked"),
    hidden("an equals sign for the colon", "Transfer-Encoding=chunked"),
    hidden("a semicolon for the colon", "Transfer-Encoding; chunked"),
    other("an underscore makes it another header", "Transfer_Encoding: chunked"),
    other("a name that ends with it", "X-Transfer-Encoding: chunked"),
    other("a name that begins with it", "Transfer-Encoding-X: chunked"),
    other("two hyphens make it another header", "Transfer--Encoding: chunked"),
    other("a name as long as it is", "Transfer-Encodinh: chunked"),
    other("TE", "TE: chunked"),
    other("Content-Encoding", "Content-Encoding: chunked"),
    other("its name in the value of another", "X: Transfer-Encoding: chunked"),
  ],
};
