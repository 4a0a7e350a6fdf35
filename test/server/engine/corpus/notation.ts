/**
 * The notation of the corpus: what is sent on one connection, and what a server makes of it. A character of a wire text is a
 * byte. Where nothing else is said, a request is `GET / HTTP/1.1` with the one header line `Host: a`.
 */

import type { Environ, StatusLine } from "../../../../src/gateway.ts";

/** The limits of a server: bytes, bytes, header lines. */
export interface Limits {
  readonly targetLength: number;
  readonly headSize: number;
  readonly lines: number;
}

/** One request, as it is parsed. */
export interface Parsed {
  readonly method: string;
  readonly target: string;
  readonly protocol: "HTTP/1.0" | "HTTP/1.1";
  /** Names and values in turn. */
  readonly lines: readonly string[];
  /** -1 where none is declared. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  readonly keepsAlive: boolean;
  readonly expectsContinue: boolean;
  readonly isUpgrade: boolean;
  /** What came of it. */
  readonly body: string;
  /** Names and values in turn. */
  readonly trailers: readonly string[];
  /** Whether it came to its end. */
  readonly isWhole: boolean;
}

/** What an app finds in its environ, and by undefined what it does not find. */
export type Seen = { readonly [Key in keyof Environ]?: Environ[Key] | undefined };

export interface Expected extends Parsed {
  readonly seen: Seen;
}

export interface Case {
  readonly name: string;
  readonly section: string;
  /** What is sent. All inputs have the same outcome. */
  readonly inputs: readonly string[];
  readonly requests: readonly Expected[];
  /** After them the parser is ready for the next request, needs more bytes for what it has begun, or refuses. */
  readonly outcome: "done" | "more" | StatusLine;
  /** Whether a parser takes it, and the server refuses it: by its target or its host. */
  readonly aboveParser: boolean;
  readonly limits: Limits;
}

export interface Subject {
  readonly title: string;
  readonly cases: readonly Case[];
}

type Input = string | readonly string[];

const STATUS_LINES = {
  400: "400 Bad Request",
  413: "413 Content Too Large",
  414: "414 URI Too Long",
  417: "417 Expectation Failed",
  431: "431 Request Header Fields Too Large",
  501: "501 Not Implemented",
  505: "505 HTTP Version Not Supported",
} as const;

const LIMITS: Limits = { targetLength: 8_192, headSize: 16_384, lines: 100 };

/** Whole requests, and nothing behind them. */
export function accepts(section: string, name: string, input: Input, ...requests: Expected[]): Case {
  return { ...blank(section, name, input), requests, outcome: "done" };
}

/** Requests, of which the last may have begun; then more bytes are needed. */
export function waits(section: string, name: string, input: Input, ...requests: Expected[]): Case {
  return { ...blank(section, name, input), requests, outcome: "more" };
}

/** Refuses what follows the requests, or the rest of the last one. */
export function refuses(
  status: keyof typeof STATUS_LINES,
  section: string,
  name: string,
  input: Input,
  ...requests: Expected[]
): Case {
  return { ...blank(section, name, input), requests, outcome: STATUS_LINES[status] };
}

/** Refuses what a parser of bytes takes: a malformed target, a malformed host. */
export function refusesAbove(section: string, name: string, input: Input, ...requests: Expected[]): Case {
  return { ...refuses(400, section, name, input, ...requests), aboveParser: true };
}

/** The case under other limits. */
export function within(limits: Partial<Limits>, testCase: Case): Case {
  return { ...testCase, limits: { ...LIMITS, ...limits } };
}

function blank(section: string, name: string, input: Input): Omit<Case, "requests" | "outcome"> {
  return {
    name,
    section: `RFC ${section}`,
    inputs: typeof input === "string" ? [input] : input,
    aboveParser: false,
    limits: LIMITS,
  };
}

/** The title of a case's test. */
export function titleOf({ title }: Subject, { name, section, outcome }: Case): string {
  const end = outcome === "done" ? "" : outcome === "more" ? ": waits for more" : `: ${outcome}`;
  return `${title}: ${name}${end} (${section})`;
}

/** Lines, each with its end. */
export function crlf(...lines: string[]): string {
  return lines.map((line) => `${line}\r\n`).join("");
}

/** A head: its lines, and the empty one. */
export function head(...lines: string[]): string {
  return crlf(...lines, "");
}

/** A request without a body, the header lines behind `Host: a`. */
export function get(target: string, ...lines: string[]): string {
  return head(`GET ${target} HTTP/1.1`, "Host: a", ...lines);
}

/** The head of a `POST`, the header lines behind `Host: a`. */
export function post(...lines: string[]): string {
  return head("POST / HTTP/1.1", "Host: a", ...lines);
}

/** A `POST` whose chunked body is what is given, framing included. */
export function chunks(...body: string[]): string {
  return post("Transfer-Encoding: chunked") + body.join("");
}

/** The text with something inserted at each place from `start` up to `end`. */
export function insertedAt(text: string, inserted: string, start = 0, end: number = text.length): string[] {
  return Array.from({ length: end - start }, (_, at) => text.slice(0, start + at) + inserted + text.slice(start + at));
}

/** All bytes of which something is so. */
export function bytesThat(isSo: (byte: string) => boolean): string[] {
  return Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter(isSo);
}

/** The bytes of a text in UTF-8. */
export function utf8(text: string): string {
  return Buffer.from(text).toString("latin1");
}

interface Difference {
  readonly method?: string;
  readonly target?: string;
  readonly protocol?: "HTTP/1.0" | "HTTP/1.1";
  /** All header lines, as `"Name: value"`. Default `Host: a`. */
  readonly lines?: readonly string[];
  /** Header lines behind `Host: a`. */
  readonly more?: readonly string[];
  readonly body?: string;
  readonly trailers?: readonly string[];
  readonly keepsAlive?: boolean;
  readonly expectsContinue?: boolean;
  readonly isUpgrade?: boolean;
  readonly isWhole?: boolean;
  /** What an app finds in its environ. */
  readonly seen?: Seen;
}

/** A request that was parsed. */
export function got(difference: Difference = {}): Expected {
  const { more = [], protocol = "HTTP/1.1" } = difference;
  const lines = namesAndValues(difference.lines ?? ["Host: a", ...more]);
  const length = fieldOf(lines, "content-length");
  return {
    method: difference.method ?? "GET",
    target: difference.target ?? "/",
    protocol,
    lines,
    contentLength: length === undefined ? -1 : Number(length),
    isChunked: fieldOf(lines, "transfer-encoding") !== undefined,
    keepsAlive: difference.keepsAlive ?? protocol === "HTTP/1.1",
    expectsContinue: difference.expectsContinue ?? false,
    isUpgrade: difference.isUpgrade ?? false,
    body: difference.body ?? "",
    trailers: namesAndValues(difference.trailers ?? []),
    isWhole: difference.isWhole ?? true,
    seen: difference.seen ?? {},
  };
}

/** What `chunks` becomes. */
export function gotChunks(body: string, difference: Difference = {}): Expected {
  return got({ method: "POST", more: ["Transfer-Encoding: chunked"], body, ...difference });
}

/** What becomes of a chunked body that is refused, or not yet over. */
export function gotPart(body: string): Expected {
  return gotChunks(body, { isWhole: false });
}

function namesAndValues(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const colon = line.indexOf(": ");
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
}

function fieldOf(lines: readonly string[], lowerCased: string): string | undefined {
  const index = lines.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === lowerCased);
  return index < 0 ? undefined : lines[index + 1];
}
