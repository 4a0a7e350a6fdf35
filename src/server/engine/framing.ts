/** What the field lines of a request say about its body and its connection (RFC 9112 §6, §9.3; RFC 9110 §10.1.1). */

import type { StatusLine } from "../../gateway.ts";
import { isBlank, type KnownNames } from "./field-lines.ts";

const BAD_REQUEST: StatusLine = "400 Bad Request";

/** The fields that matter here, by the length of their names. */
const KIND_BY_LENGTH = {
  4: "host",
  6: "expect",
  7: "upgrade",
  10: "connection",
  14: "content-length",
  17: "transfer-encoding",
} as const;
type Kind = (typeof KIND_BY_LENGTH)[keyof typeof KIND_BY_LENGTH];

/** A line that matters here: what it is, and where its value stands. */
interface Mark {
  readonly kind: Kind;
  readonly at: number;
}

/** Connections that know the same names share the marks. */
const marksByNames = new WeakMap<KnownNames, readonly Mark[]>();

function marksOf(names: KnownNames): readonly Mark[] {
  const known = marksByNames.get(names);
  if (known !== undefined) return known;
  const marks: Mark[] = [];
  for (let index = 0; index < names.lines.length; index += 2) {
    const name = names.lines[index] as string;
    // Most names are told apart by their length.
    const kind = KIND_BY_LENGTH[name.length as keyof typeof KIND_BY_LENGTH] as Kind | undefined;
    if (kind !== undefined && name.toLowerCase() === kind) marks.push({ kind, at: index + 1 });
  }
  marksByNames.set(names, marks);
  return marks;
}

/** Reads the field lines of requests; its members are those of the request that was read last. */
export class Framing {
  /** The declared length, or -1. */
  contentLength = -1;
  /** Whether the body comes in chunks. */
  isChunked = false;
  /** Whether the client keeps the connection for another request. */
  keepsAlive = true;
  /** Whether the client waits for `100 Continue`. */
  expectsContinue = false;
  /** Whether the client asks for another protocol on this connection. */
  isUpgrade = false;

  /** The lines that matter here, for the names that were read last. */
  #names: KnownNames | undefined;
  #marks: readonly Mark[] = [];

  /**
   * Reads field lines, names and values in turn. Gives the status where they are refused. `names` are those of the lines: the same
   * object where they are the same.
   */
  read(lines: readonly string[], isHttp10: boolean, names: KnownNames): StatusLine | undefined {
    if (names !== this.#names) {
      this.#names = names;
      this.#marks = marksOf(names);
    }
    this.contentLength = -1;
    this.isChunked = false;
    this.keepsAlive = !isHttp10;
    this.expectsContinue = false;
    this.isUpgrade = false;
    let hosts = 0;
    let codings: string | undefined;
    let connection: string | undefined;
    let hasUpgrade = false;
    const marks = this.#marks;
    for (let index = 0; index < marks.length; index++) {
      const { kind, at } = marks[index] as Mark;
      const value = lines[at] as string;
      switch (kind) {
        case "host":
          hosts++;
          break;
        case "connection":
          connection = connection === undefined ? value : `${connection},${value}`;
          break;
        case "content-length":
          if (this.contentLength >= 0) return BAD_REQUEST;
          this.contentLength = lengthOf(value);
          if (this.contentLength < 0) return BAD_REQUEST;
          break;
        case "transfer-encoding":
          codings = codings === undefined ? value : `${codings},${value}`;
          break;
        case "upgrade":
          hasUpgrade = true;
          break;
        case "expect":
          if (isHttp10) break;
          if (value.toLowerCase() !== "100-continue") return "417 Expectation Failed";
          this.expectsContinue = true;
      }
    }
    if (hosts > 1 || (hosts === 0 && !isHttp10)) return BAD_REQUEST;
    if (codings !== undefined) {
      const refusal = refuseCodings(codings, isHttp10 || this.contentLength >= 0);
      if (refusal !== undefined) return refusal;
      this.isChunked = true;
    }
    if (connection !== undefined) this.#readConnection(connection, isHttp10, hasUpgrade);
    return undefined;
  }

  #readConnection(value: string, isHttp10: boolean, hasUpgrade: boolean): void {
    if (value === "keep-alive") {
      this.keepsAlive = true;
      return;
    }
    const options = membersOf(value);
    // A client that says both means the end (RFC 9112 §9.3).
    this.keepsAlive = !options.includes("close") && (!isHttp10 || options.includes("keep-alive"));
    this.isUpgrade = hasUpgrade && !isHttp10 && options.includes("upgrade");
  }
}

/**
 * The members of a list in lower case, empty ones included. `trim` would take a no-break space (0xA0) away, which is a part of a
 * member to every other reader.
 */
function membersOf(list: string): string[] {
  return list.split(",").map((member) => {
    let start = 0;
    let end = member.length;
    while (start < end && isBlank(member.charCodeAt(start))) start++;
    while (end > start && isBlank(member.charCodeAt(end - 1))) end--;
    return member.slice(start, end).toLowerCase();
  });
}

/** A length in decimal digits; -1 for anything else. */
function lengthOf(value: string): number {
  const length = /^\d+$/.test(value) ? Number(value) : -1;
  return Number.isSafeInteger(length) ? length : -1;
}

/**
 * Only `chunked` is known. A list that does not end in it, or has it twice, leaves the end of the body unclear, as it is in
 * HTTP/1.0 and beside a length (RFC 9112 §6.1, §6.3).
 */
function refuseCodings(codings: string, isUnclear: boolean): StatusLine | undefined {
  if (isUnclear) return BAD_REQUEST;
  if (codings === "chunked") return undefined;
  const list = membersOf(codings);
  if (list.includes("") || list.indexOf("chunked") < list.length - 1 === list.includes("chunked")) return BAD_REQUEST;
  return list.length === 1 && list[0] === "chunked" ? undefined : "501 Not Implemented";
}
