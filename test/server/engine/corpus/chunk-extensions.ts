import { accepts, bytesThat, chunks, gotChunks, gotPart, refuses, type Subject, waits } from "./notation.ts";

const LAST = "0\r\n\r\n";
/** How many bytes of extensions a body may have, semicolons included. */
const MOST = 16_384;

/** Extensions that are read and forgotten. */
function taken(name: string, extensions: string): ReturnType<typeof accepts> {
  return accepts("9112 §7.1.1", name, chunks(`5${extensions}\r\nabcde\r\n`, LAST), gotChunks("abcde"));
}

function refused(name: string, extensions: string): ReturnType<typeof refuses> {
  return refuses(400, "9112 §7.1.1", name, chunks(`5${extensions}\r\nabcde\r\n`, LAST), gotPart(""));
}

/** An extension of so many bytes. */
function extension(length: number): string {
  return `;${"e".repeat(length - 1)}`;
}

export const chunkExtensions: Subject = {
  title: "chunk extensions",
  cases: [
    taken("a name", ";a"),
    taken("a name and a value", ";a=b"),
    taken("a name and a quoted value", ';a="b"'),
    taken("an empty quoted value", ';a=""'),
    taken("a quoted value with spaces and tabs", ';a=" b\tc "'),
    taken("a quoted value with separators", ';a=";b=c,d"'),
    taken("an escaped quote", ';a="\\""'),
    taken("an escaped backslash before the last quote", ';a="\\\\"'),
    taken("escapes of letters, spaces and tabs", ';a="\\b\\ \\\t"'),
    taken("quoted bytes beyond ASCII", ';a="\x80\xff\\\xe9"'),
    taken("three extensions", ';a;b=c;d="e"'),
    taken("the same extension twice", ";a=b;a=c"),
    taken("every character of a token", ";!#$%&'*+-.^_`|~09AZaz=!#$%&'*+-.^_`|~09AZaz"),
    taken("single quotes are characters of a token", ";a='b"),
    taken("names that look like sizes", ";5=0;0"),
    accepts("9112 §7.1.1", "one at the last chunk", chunks("1\r\nx\r\n", "0;a=b\r\n\r\n"), gotChunks("x")),
    accepts("9112 §7.1.1", "one at each chunk", chunks("1;a\r\nx\r\n", "1;b\r\ny\r\n", "0;c\r\n\r\n"), gotChunks("xy")),
    accepts(
      "9112 §7.1.1",
      "one at the last chunk, before trailers",
      chunks("0;a\r\nX: y\r\n\r\n"),
      gotChunks("", { trailers: ["X: y"] }),
    ),
    refused("a semicolon, and no name", ";"),
    refused("two semicolons", ";;a"),
    refused("a semicolon after a name", ";a;"),
    refused("an equals sign, and no value", ";a="),
    refused("an equals sign, and no name", ";=b"),
    refused("two equals signs", ";a==b"),
    refused("a second value", ";a=b=c"),
    refused("a space before the semicolon", " ;a"),
    refused("a tab before the semicolon", "\t;a"),
    refused("a space after the semicolon", "; a"),
    refused("a space before the equals sign", ";a =b"),
    refused("a space after the equals sign", ";a= b"),
    refused("a space after the value", ";a=b "),
    refused("a tab after the value", ";a=b\t"),
    refused("a space inside a value", ";a=b c"),
    refused("a comma", ";a,b"),
    refused("a comma for the semicolon", ",a"),
    refused("a quoted name", ';"a"=b'),
    refused("a quoted value without its last quote", ';a="b'),
    refused("a quoted value whose last quote is escaped", ';a="b\\"'),
    refused("a quote inside a value", ';a=b"c"'),
    refused("a value after a quoted value", ';a="b"c'),
    refused("two quoted values", ';a="b""c"'),
    refused("a line end in a quoted value", ';a="b\r\nc"'),
    refused("an escaped line end in a quoted value", ';a="b\\\r\nc"'),
    refused("a bare LF in a quoted value", ';a="b\nc"'),
    refused("a bare CR in a quoted value", ';a="b\rc"'),
    refused("an escaped NUL in a quoted value", ';a="\\\0"'),
    refused("a bare LF after the name", ";a\n"),
    refused("a bare LF that hides a size", ";a\n0"),
    refused("a bare CR that hides a size", ";a\r0"),
    refused("a CR before the line end", ";a\r"),
    refuses(
      400,
      "9112 §7.1.1",
      "every byte in a name that is not of a token",
      bytesThat((byte) => !/[!#$%&'*+\-.^_`|~\dA-Za-z;=,]/.test(byte)).map((byte) =>
        chunks(`5;a${byte}b\r\nabcde\r\n`, LAST),
      ),
      gotPart(""),
    ),
    refuses(
      400,
      "9112 §7.1.1",
      "every control in a quoted value, and DEL",
      bytesThat((byte) => (byte < " " && !/[\t\r\n]/.test(byte)) || byte === "\x7f").map((byte) =>
        chunks(`5;a="${byte}"\r\nabcde\r\n`, LAST),
      ),
      gotPart(""),
    ),
    refuses(
      400,
      "9112 §7.1.1",
      "a malformed one at the last chunk",
      chunks("5\r\nabcde\r\n", "0;\r\n\r\n"),
      gotPart("abcde"),
    ),
    waits("9112 §8", "a part of one", chunks('5;a="b'), gotPart("")),
    accepts("9112 §7.1.1", "16 KiB of it", chunks(`1${extension(MOST)}\r\nx\r\n`, LAST), gotChunks("x")),
    refuses(
      413,
      "9112 §7.1.1",
      "16 KiB and a byte of it",
      chunks(`1${extension(MOST + 1)}\r\nx\r\n`, LAST),
      gotPart(""),
    ),
    refuses(413, "9112 §7.1.1", "one without end", chunks(`1;a="${"b".repeat(MOST)}`), gotPart("")),
    accepts(
      "9112 §7.1.1",
      "16 KiB of it over 64 chunks",
      chunks(`1${extension(256)}\r\nx\r\n`.repeat(64), LAST),
      gotChunks("x".repeat(64)),
    ),
    refuses(
      413,
      "9112 §7.1.1",
      "16 KiB and two bytes of it over 65 chunks",
      chunks(`1${extension(256)}\r\nx\r\n`.repeat(64), "0;a\r\n\r\n"),
      gotPart("x".repeat(64)),
    ),
    accepts(
      "9112 §7.1.1",
      "16 KiB of it in each of two bodies",
      chunks(`1${extension(MOST)}\r\nx\r\n`, LAST).repeat(2),
      gotChunks("x"),
      gotChunks("x"),
    ),
  ],
};
