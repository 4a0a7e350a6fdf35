import { accepts, bytesThat, get, got, head, post, refuses, type Subject, utf8, waits } from "./notation.ts";

function sized(value: string, body = ""): string {
  return post(`Content-Length:${value}`) + body;
}

/** A value that is refused, with a body that some reader would find. */
function refused(name: string, value: string): ReturnType<typeof refuses> {
  return refuses(400, "9110 §8.6", name, sized(value, "abcde"));
}

const gotFive = got({ method: "POST", more: ["Content-Length: 5"], body: "abcde" });
const EVERY_BYTE = bytesThat(() => true).join("");

export const contentLengths: Subject = {
  title: "content-length",
  cases: [
    accepts("9112 §6.2", "a body", sized(" 5", "abcde"), gotFive),
    accepts("9112 §6.3", "a body of no bytes", sized(" 0"), got({ method: "POST", more: ["Content-Length: 0"] })),
    accepts("9112 §6.3", "no length, no body", post(), got({ method: "POST" })),
    accepts(
      "9112 §6.3",
      "what follows a request without a length is a request",
      post() + get("/b"),
      got({ method: "POST" }),
      got({ target: "/b" }),
    ),
    accepts(
      "9110 §9.3.1",
      "a GET with a body",
      `${get("/", "Content-Length: 1")}x`,
      got({ more: ["Content-Length: 1"], body: "x" }),
    ),
    accepts(
      "9110 §9.3.2",
      "a HEAD with a body",
      `${head("HEAD / HTTP/1.1", "Host: a", "Content-Length: 1")}x${get("/b")}`,
      got({ method: "HEAD", more: ["Content-Length: 1"], body: "x" }),
      got({ target: "/b" }),
    ),
    accepts(
      "9112 §6.2",
      "a body in HTTP/1.0",
      `${head("POST / HTTP/1.0", "Content-Length: 1")}x`,
      got({ method: "POST", protocol: "HTTP/1.0", lines: ["Content-Length: 1"], body: "x" }),
    ),
    accepts(
      "9112 §6.2",
      "a body of every byte",
      sized(" 256", EVERY_BYTE),
      got({ method: "POST", more: ["Content-Length: 256"], body: EVERY_BYTE, seen: { CONTENT_LENGTH: "256" } }),
    ),
    accepts(
      "9112 §6.2",
      "a body that looks like a request",
      sized(` ${get("/b").length}`, get("/b")),
      got({ method: "POST", more: [`Content-Length: ${get("/b").length}`], body: get("/b") }),
    ),
    accepts(
      "9112 §6.2",
      "a body of line ends, of which none is skipped",
      sized(" 4", "\r\n\r\n") + get("/b"),
      got({ method: "POST", more: ["Content-Length: 4"], body: "\r\n\r\n" }),
      got({ target: "/b" }),
    ),
    accepts(
      "9112 §6.2",
      "a body that looks chunked",
      sized(" 10", "5\r\nabcde\r\n"),
      got({ method: "POST", more: ["Content-Length: 10"], body: "5\r\nabcde\r\n" }),
    ),
    accepts("9110 §5.5", "spaces and tabs around it", sized("\t 5 \t", "abcde"), gotFive),
    accepts(
      "9110 §5.1",
      "its name in lower case",
      `${post("content-length: 5")}abcde`,
      got({ method: "POST", more: ["content-length: 5"], body: "abcde" }),
    ),
    accepts(
      "9110 §8.6",
      "zeros before it",
      sized(" 0005", "abcde"),
      got({ method: "POST", more: ["Content-Length: 0005"], body: "abcde" }),
    ),
    accepts(
      "9110 §8.6",
      "more zeros than a number of 64 bits has digits",
      sized(` ${"0".repeat(30)}5`, "abcde"),
      got({ method: "POST", more: [`Content-Length: ${"0".repeat(30)}5`], body: "abcde" }),
    ),
    accepts(
      "9110 §8.6",
      "names that begin or end with it",
      post("Content-Length-X: 5", "X-Content-Length: 5", "Content-Lengt: 5"),
      got({ method: "POST", more: ["Content-Length-X: 5", "X-Content-Length: 5", "Content-Lengt: 5"] }),
    ),
    waits(
      "9112 §8",
      "a body without its last byte",
      sized(" 5", "abcd"),
      got({ method: "POST", more: ["Content-Length: 5"], body: "abcd", isWhole: false }),
    ),
    waits(
      "9112 §8",
      "a body without its first byte",
      sized(" 5"),
      got({ method: "POST", more: ["Content-Length: 5"], isWhole: false }),
    ),
    waits(
      "9110 §8.6",
      "the largest length",
      sized(" 9007199254740991", "abc"),
      got({ method: "POST", more: ["Content-Length: 9007199254740991"], body: "abc", isWhole: false }),
    ),
    refused("one more than the largest", " 9007199254740992"),
    refused("two more than the largest, which a double rounds down", " 9007199254740993"),
    refused("2 to the power of 63", " 9223372036854775808"),
    refused("2 to the power of 64 and five, which wraps around to five", " 18446744073709551621"),
    refused("2 to the power of 32 times 2 to the power of 32 and five", " 340282366920938463463374607431768211461"),
    refused("forty digits", ` ${"9".repeat(40)}`),
    refused("ten thousand digits", ` ${"1".repeat(10_000)}`),
    refused("no value", ""),
    refused("a sign", " +5"),
    refused("a negative one", " -5"),
    refused("a negative zero", " -0"),
    refused("a hexadecimal one", " 0x5"),
    refused("a binary one", " 0b101"),
    refused("a fraction", " 5.0"),
    refused("an exponent", " 5e0"),
    refused("digits apart", " 1 0"),
    refused("digits apart by a tab", " 1\t0"),
    refused("digits apart by an underscore", " 1_0"),
    refused("a unit", " 5 bytes"),
    refused("a word", " five"),
    refused("quotes", ' "5"'),
    refused("a parameter", " 5;a=b"),
    refused("a list of equal ones", " 5, 5"),
    refused("a list of equal ones without a space", " 5,5"),
    refused("a list of two that differ", " 5, 3"),
    refused("an empty member before it", " ,5"),
    refused("infinity", " Infinity"),
    refused("digits of another script, in UTF-8", ` ${utf8("\uff15")}`),
    refused("a superscript two of Latin-1 before it", " \xb25"),
    refused("a no-break space before it", " \xa05"),
    refuses(
      400,
      "9110 §8.6",
      "every byte after a digit that is neither a digit nor a space",
      bytesThat((byte) => !/[\d \t\r\n]/.test(byte)).map((byte) => sized(` 5${byte}`, "abcde")),
    ),
    refuses(
      400,
      "9110 §8.6",
      "every byte before a digit that is neither a digit nor a space",
      bytesThat((byte) => !/[\d \t\r\n+\-,.]/.test(byte)).map((byte) => sized(`${byte}5`, "abcde")),
    ),
    refuses(400, "9112 §6.3", "two that are equal", `${post("Content-Length: 5", "Content-Length: 5")}abcde`),
    refuses(400, "9112 §6.3", "two that differ", `${post("Content-Length: 5", "Content-Length: 6")}abcdef`),
    refuses(
      400,
      "9112 §6.3",
      "two that differ in zeros before them",
      `${post("Content-Length: 5", "Content-Length: 05")}abcde`,
    ),
    refuses(
      400,
      "9112 §6.3",
      "two whose names differ in case",
      `${post("Content-Length: 5", "content-length: 5")}abcde`,
    ),
    refuses(400, "9112 §6.3", "two of zero", post("Content-Length: 0", "Content-Length: 0")),
    refuses(
      400,
      "9112 §6.3",
      "two that are far apart",
      `${post("Content-Length: 5", "X: y", "Y: z", "Content-Length: 5")}abcde`,
    ),
    refuses(400, "9112 §6.3", "an empty one after a good one", `${post("Content-Length: 5", "Content-Length:")}abcde`),
    refuses(400, "9112 §5.1", "a space before the colon", `${post("Content-Length : 5")}abcde`),
    refuses(400, "9112 §5.1", "a space inside the name", `${post("Content Length: 5")}abcde`),
    refuses(400, "9112 §5.2", "a value on the next line", `${post("Content-Length:", " 5")}abcde`),
    refuses(400, "9112 §5.2", "a value that is folded", `${post("Content-Length: 1", " 5")}abcde`),
    refuses(400, "9112 §6.3", "a bad one after a request with a body", sized(" 5", "abcde") + sized(" x"), gotFive),
  ],
};
