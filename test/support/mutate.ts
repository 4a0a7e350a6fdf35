/** Mutated requests: bytes that are nearly HTTP, one character a byte. */

import { SEEDS } from "./fuzz-seeds.ts";
import type { Random } from "./random.ts";

const BYTES = [...'\r\n\0 \t:,;\x7f\x80\xa0\x0b\x0c\x1f\x85\xff"\\=/#%?0a-+_'];

/** What is inserted as a whole. */
const PIECES: readonly string[] = [
  "\r\n",
  "\r\n\r\n",
  "\n\n",
  "\r\n ",
  "\r\n\t",
  "\n ",
  " HTTP/1.1",
  "HTTP/1.0",
  "0\r\n\r\n",
  "1\r\nx\r\n",
  ";a=b",
  ';a="b"',
  ';a="',
  ";",
  "%00",
  "%2f..",
  "chunked",
  ", chunked",
  "close",
  "keep-alive",
  "xchunked",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
];

/** Lines that decide where a request ends, or whether it is one. */
const LINES: readonly string[] = [
  "Transfer-Encoding: chunked",
  "Transfer-Encoding:chunked ",
  "Transfer-Encoding: identity",
  "Transfer-Encoding: chunked, chunked",
  "Transfer-Encoding: ",
  "Transfer-Encoding : chunked",
  "Transfer_Encoding: chunked",
  "Content-Length: 5",
  "Content-Length: 0",
  "Content-Length:",
  "Content-Length: 1 1",
  "Content-Length: 5,5",
  "Content-Length: -0",
  "content-length: 18446744073709551621",
  "Host: b",
  "Host: a b",
  "Host:",
  "Connection: close",
  "Connection: keep-alive",
  "Connection: keep-alive, close",
  "Connection: closed",
  "Connection: upgrade",
  "Upgrade: h2c",
  "Proxy-Connection: close",
  "Expect: 100-continue",
  "Expect: 100-Continue, x",
  "X: ",
  " folded: 1",
  "no colon",
];

type Mutation = (text: string, random: Random) => string;

const insert = (text: string, at: number, piece: string): string => text.slice(0, at) + piece + text.slice(at);
const replace = (text: string, from: number, to: number, piece: string): string =>
  text.slice(0, from) + piece + text.slice(to);

/** Changes one match of a pattern; the text itself where there is none. */
function change(text: string, pattern: RegExp, random: Random, by: (found: string) => string): string {
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return text;
  const { 0: match, index = 0 } = random.pick(found);
  return replace(text, index, index + match.length, by(match));
}

/** A whole number, written and counted in ways that two readers may read differently. */
function otherNumber(digits: string, radix: number, random: Random): string {
  // Enough of a number that was inflated.
  const value = Number.parseInt(digits.slice(0, 15), radix);
  const near = (by: number) => Math.max(0, value + by).toString(radix);
  return random.pick([
    near(1),
    near(-1),
    near(2),
    near(-2),
    "0",
    `0${digits}`,
    "0".repeat(random.below(20)) + digits,
    `+${digits}`,
    `-${digits}`,
    `0x${digits}`,
    ` ${digits}`,
    `${digits} `,
    `${digits}\t`,
    `${digits}.0`,
    `${digits}e0`,
    `${digits}_0`,
    `${digits},${digits}`,
    digits.toUpperCase(),
    (2n ** 32n + BigInt(value)).toString(radix),
    (2n ** 53n - 1n).toString(radix),
    (2n ** 53n).toString(radix),
    (2n ** 64n + BigInt(value)).toString(radix),
    "f".repeat(random.below(18)),
    "",
  ]);
}

const MUTATIONS: readonly Mutation[] = [
  function flipBit(text, random) {
    const at = random.below(text.length);
    return replace(text, at, at + 1, String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(8))));
  },
  function replaceByte(text, random) {
    const at = random.below(text.length);
    return replace(text, at, at + 1, random.pick(BYTES));
  },
  function insertByte(text, random) {
    return insert(text, random.below(text.length + 1), random.pick(BYTES));
  },
  function insertPiece(text, random) {
    return insert(text, random.below(text.length + 1), random.pick(PIECES));
  },
  function deleteBytes(text, random) {
    const at = random.below(text.length);
    return replace(text, at, at + 1 + random.below(random.chance(0.7) ? 2 : 16), "");
  },
  function insertLine(text, random) {
    const line = random.pick(LINES);
    return change(text, /\r\n/g, random, (end) => `${end}${line}${end}`);
  },
  function repeatLine(text, random) {
    return change(text, /[^\n]*\n/g, random, (line) => line + line);
  },
  function deleteLine(text, random) {
    return change(text, /[^\n]*\n/g, random, () => "");
  },
  function swapLines(text, random) {
    return change(text, /[^\n]*\n[^\n]*\n/g, random, (lines) => {
      const middle = lines.indexOf("\n") + 1;
      return lines.slice(middle) + lines.slice(0, middle);
    });
  },
  function otherLineEnd(text, random) {
    const ends = ["\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n", " \r\n", "\0\r\n", "\r\n ", "\r\0\n", ""];
    return change(text, /\r\n/g, random, () => random.pick(ends));
  },
  function otherSpace(text, random) {
    return change(text, / /g, random, () => random.pick(["", "\t", "  ", "\x0b", "\x0c", "\xa0", "\r", "\n", "\r\n "]));
  },
  function aroundColon(text, random) {
    return change(text, /:/g, random, () => random.pick(["", " :", "::", ":\t", ":\x0b", ":\r\n ", "=", "\t: "]));
  },
  function changeNumber(text, random) {
    return change(text, /\d+/g, random, (digits) => otherNumber(digits, 10, random));
  },
  function changeChunkSize(text, random) {
    return change(text, /(?<=\n)[\da-f]{1,16}(?=[;\r])/gi, random, (digits) => otherNumber(digits, 16, random));
  },
  function changeExtension(text, random) {
    const extensions = [
      ";",
      ";a",
      ";a=",
      ";=b",
      ";a=b",
      ' ;a="b"',
      ';a="b\\',
      ';a="b"c',
      ";a b",
      ";a\x7f",
      ";\xff",
      "; a=b",
    ];
    return change(text, /(?<=\n[\da-f]{1,16})(?:;[^\r\n]*)?(?=\r)/gi, random, () => random.pick(extensions));
  },
  function changeVersion(text, random) {
    const versions = ["1.0", "1.1", "1.2", "0.9", "2.0", "3.0", "1.10", "01.1", "1", "1,1", "1.1 ", "11.1", "1.x"];
    return change(text, /(?<=HTTP\/)\d\.\d/g, random, () => random.pick(versions));
  },
  function changeCase(text, random) {
    return change(text, /[a-z]+/gi, random, (word) => (random.chance(0.5) ? word.toUpperCase() : word.toLowerCase()));
  },
  /** Heads longer than what a reader looks at in one go; rarely, as they take their time. */
  function inflate(text, random) {
    if (random.chance(0.9)) return text;
    const times = 2 ** random.below(13) - random.below(3);
    if (random.chance(0.5)) {
      const at = random.below(text.length);
      return insert(text, at, (text[at] as string).repeat(Math.max(0, times)));
    }
    return change(text, /[^\n]*\n/g, random, (line) => line.repeat(Math.max(0, times >> 3)));
  },
  function truncate(text, random) {
    return text.slice(0, random.below(text.length + 1));
  },
  function splice(text, random) {
    const other = random.pick(SEEDS);
    return text.slice(0, random.below(text.length + 1)) + other.slice(random.below(other.length + 1));
  },
  function spliceLines(text, random) {
    const other = random.pick(SEEDS).split(/(?<=\n)/);
    const lines = text.split(/(?<=\n)/);
    return [...lines.slice(0, random.below(lines.length + 1)), ...other.slice(random.below(other.length + 1))].join("");
  },
  /** The same header names again, or nearly the same. */
  function again(text, random) {
    return text + random.pick(MUTATIONS)(text, random);
  },
  function follow(text, random) {
    return random.chance(0.5) ? text + random.pick(SEEDS) : random.pick(SEEDS) + text;
  },
];

/** A seed after up to four mutations; sometimes none. */
export function mutatedRequest(random: Random): string {
  let text = random.pick(SEEDS);
  const count = random.pick([0, 1, 1, 1, 1, 2, 2, 3, 4]);
  for (let left = count; left > 0 && text !== ""; left--) text = random.pick(MUTATIONS)(text, random);
  return text;
}
