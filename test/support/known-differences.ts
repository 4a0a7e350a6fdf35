/** Where our parser and Node's are meant to differ: by name, each with its reason. */

import { METHODS } from "node:http";
import { parseTarget } from "../../src/http/path.ts";
import { isHostField } from "../../src/http/url.ts";
import type { Difference } from "./compare-readings.ts";
import type { ReadRequest } from "./readings.ts";

/** A difference that is meant; `text` is the input from the request on at which the readings part. */
export interface Known {
  readonly name: string;
  applies(difference: Difference, text: string): boolean;
}

const METHOD_NAMES = new Set(METHODS);

const valuesOf = (request: ReadRequest | undefined, name: string): string[] => {
  const lines = request?.lines ?? [];
  return lines.filter((_, index) => index % 2 === 1 && lines[index - 1]?.toLowerCase() === name);
};

/** The members of a list field, in lower case. */
const membersOf = (request: ReadRequest | undefined, name: string): string[] =>
  valuesOf(request, name)
    .flatMap((value) => value.split(","))
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase());

const hasTrailer = (request: ReadRequest | undefined, pattern: RegExp): boolean =>
  (request?.trailers ?? []).some((name, index) => index % 2 === 0 && pattern.test(name));

/** Whether a request lets its connection be kept (RFC 9112 §9.3). */
function mayKeepAlive(request: ReadRequest): boolean {
  const options = membersOf(request, "connection");
  if (options.includes("close")) return false;
  return request.protocol === "HTTP/1.1" || options.includes("keep-alive");
}

/** What we read and Node does not, or reads otherwise. Everything else of this kind is a fault. */
export const MEANT: readonly Known[] = [
  {
    // A method is any token (RFC 9110 §9.1); Node knows a table.
    name: "a method that Node does not know",
    applies: ({ kind, ours, ends }) =>
      kind === "wider" && ends.node === "HPE_INVALID_METHOD" && ours !== undefined && !METHOD_NAMES.has(ours.method),
  },
  {
    // A minor version that is not known is read as the highest one that is (RFC 9110 §2.5).
    name: "HTTP/1.2 to HTTP/1.9",
    applies: ({ kind, ours, ends }, text) =>
      kind === "wider" &&
      ends.node === "HPE_INVALID_VERSION" &&
      ours?.protocol === "HTTP/1.1" &&
      /^(?:\r\n)*[^ ]+ [^ ]+ HTTP\/1\.[2-9]\r\n/.test(text),
  },
  {
    // An upgrade that the server does not make changes nothing (RFC 9110 §7.8); Node forgets the bytes that came with it.
    name: "the request after an upgrade that nobody made",
    applies: ({ kind, before, ends }) =>
      kind === "wider" &&
      ends.node === "more" &&
      valuesOf(before, "upgrade").length > 0 &&
      membersOf(before, "connection").includes("upgrade"),
  },
  {
    // Whitespace around a value is not part of it (RFC 9110 §5.5); Node takes spaces there, but no tab.
    name: "a tab after a length or a coding",
    applies: ({ kind, ends }, text) =>
      kind === "wider" &&
      /^HPE_INVALID_(?:CONTENT_LENGTH|TRANSFER_ENCODING)$/.test(ends.node) &&
      /\n(?:content-length:[\t ]*\d+|transfer-encoding:[\t ]*chunked) *\t[\t ]*\r\n/i.test(text),
  },
  {
    // Trailers do not frame a message (RFC 9110 §6.5.1); Node reads them as if they did, after the body has ended.
    name: "the framing of a message in its trailers",
    applies: ({ kind, ours, ends }) =>
      kind === "wider" &&
      /^HPE_(?:INVALID_CONTENT_LENGTH|UNEXPECTED_CONTENT_LENGTH|INVALID_TRANSFER_ENCODING)$/.test(ends.node) &&
      hasTrailer(ours, /^(?:content-length|transfer-encoding)$/i),
  },
  {
    // Nor do they say anything about the connection.
    name: "`Connection` in trailers",
    applies: ({ kind, before, ends }) =>
      kind === "wider" && ends.node === "HPE_CLOSED_CONNECTION" && hasTrailer(before, /^(?:proxy-)?connection$/i),
  },
  {
    // Node overlooks an option before a tab, counts `keep-alive` more than `close` in HTTP/1.0, and reads `Proxy-Connection`.
    name: "`Connection` as RFC 9112 §9.3 has it",
    applies: ({ kind, what, ours }) =>
      kind === "other" && what === "keepsAlive" && ours !== undefined && ours.keepsAlive === mayKeepAlive(ours),
  },
];

/** Whether a target or a `Host` is missing or malformed, which Node leaves to its users. */
function isMisaddressed(request: ReadRequest): boolean {
  const hosts = valuesOf(request, "host");
  const target = parseTarget(request.method, request.target, true);
  if (target === undefined || /[^!-~]/.test(request.target)) return true;
  if (hosts.length > 1 || (hosts.length === 0 && request.protocol === "HTTP/1.1")) return true;
  return [...hosts, target.host].some((host) => host !== undefined && !isHostField(host));
}

const EXTENSIONS = /^(?:;[\w!#$%&'*+.^`|~-]+(?:=(?:[\w!#$%&'*+.^`|~-]+|"(?:[^"\\]|\\.)*"))?)*$/;

/** What Node reads and we refuse: a head with a status. */
const head = (status: string, name: string, applies: (node: ReadRequest, text: string) => boolean): Known => ({
  name: `${status}: ${name}`,
  applies: ({ ours, node, ends }, text) =>
    ours === undefined && node !== undefined && ends.ours.startsWith(status) && applies(node, text),
});

/** What Node reads and we refuse: a body with a status. */
const body = (status: string, name: string, applies: (text: string) => boolean): Known => ({
  name: `${status} in a body: ${name}`,
  applies: ({ ours, ends }, text) => ours !== undefined && ends.ours.startsWith(status) && applies(text),
});

/** What Node reads and we refuse. A rule that is too strict would refuse something that none of these explains. */
export const STRICTER: readonly Known[] = [
  head("417", "an expectation that is not `100-continue`", (node) =>
    valuesOf(node, "expect").some((value) => value.toLowerCase() !== "100-continue"),
  ),
  head("501", "CONNECT", ({ method }) => method === "CONNECT"),
  head("501", "a transfer coding that is not `chunked`", (node) =>
    valuesOf(node, "transfer-encoding").some((value) => value.toLowerCase() !== "chunked"),
  ),
  head("505", "HTTP/2.0 in a request line", ({ protocol }) => protocol === "HTTP/2.0"),
  head("400", "HTTP/0.9 in a request line", ({ protocol }) => protocol === "HTTP/0.9"),
  head("400", "a target or a Host that is missing, repeated or malformed", isMisaddressed),
  head("400", "two `Content-Type`", (node) => valuesOf(node, "content-type").length > 1),
  head(
    "400",
    "two spaces in a request line",
    ({ method, target }, text) => text.includes(`${method}  `) || text.includes(`${target}  `),
  ),
  head("400", "more than four empty lines before a request", (_node, text) => /^(?:\r\n){5}/.test(text)),
  head("400", "a bare CR or LF", (_node, text) => /(?:^|[^\r])\n|\r(?!\n)/.test(text)),
  head("400", "a length beyond 2^53", (node) =>
    valuesOf(node, "content-length").some((value) => Number(value) >= 2 ** 53),
  ),
  head("400", "a transfer coding in HTTP/1.0", (node) => {
    return node.protocol === "HTTP/1.0" && valuesOf(node, "transfer-encoding").length > 0;
  }),
  head("400", "a transfer coding that is empty or comes after `chunked`", (node) => {
    const codings = membersOf(node, "transfer-encoding");
    return codings.includes("") || codings.slice(0, -1).includes("chunked");
  }),
  body("400", "a chunk size of more than 14 digits", (text) => /\n[\da-f]{15,}[;\r]/i.test(text)),
  body("400", "a chunk extension that RFC 9112 §7.1.1 does not have, or with whitespace", (text) =>
    [...text.matchAll(/\n[\da-f]{1,14}(;[^\r\n]*)\r/gi)].some(([, extensions = ""]) => !EXTENSIONS.test(extensions)),
  ),
  // Node counts them for each chunk.
  body(
    "413",
    "more than 16 KiB of chunk extensions",
    (text) => (text.match(/;[^\r\n]*/g) ?? []).join("").length > 16_384,
  ),
];
