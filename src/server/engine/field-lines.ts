/**
 * The field lines of a head or a trailer section (RFC 9112 §5). A client sends the same names again and again, in the same
 * order: they are compared with those of its last request, and not made anew.
 */

import { scannedBreaks, scannedBytes } from "./scan.ts";

const COLON = 58;
const SPACE = 32;
const HTAB = 9;

/** For each byte 1 where it is part of a token (RFC 9110 §5.6.2). */
export const TOKEN_BYTES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

/** Values of a longer section are copied, so that an app that keeps one does not keep the whole section. */
const LONG = 4096;

/** The names of a section, which are likely to come again. Nobody changes it. */
export interface KnownNames {
  /** Names in turn with nothing. */
  readonly lines: readonly string[];
  /** The bytes of all names, each with its colon. */
  readonly bytes: Uint8Array;
}

/** The names that a connection learned last: another one of the same client is likely to send them, too. */
let latest: KnownNames = { lines: [], bytes: new Uint8Array(0) };

/** Reads one section of field lines after the other. */
export class FieldLines {
  /** The names of the last section: the same object where they are the same. */
  names: KnownNames = latest;

  /**
   * Reads the lines of a section that was scanned to its end: those after the CRLFs from number `first` to `last`, where -1 is
   * the section's start. Gives names and values in turn; undefined where a name is empty or not a token: that includes whitespace
   * before the colon and lines that are folded.
   */
  read(bytes: Buffer, start: number, length: number, first: number, last: number): string[] | undefined {
    const text = bytes.toString("latin1", start, start + length);
    const source = length > LONG ? { bytes, start } : undefined;
    return this.#readKnown(text, source, first, last) ?? this.#readUnknown(text, source, first, last);
  }

  #readKnown(text: string, source: Source | undefined, first: number, last: number): string[] | undefined {
    const { lines: known, bytes: names } = this.names;
    if (known.length !== 2 * (last - first)) return undefined;
    const scanned = scannedBytes();
    const breaks = scannedBreaks();
    const lines = known.slice();
    let name = 0;
    let at = first < 0 ? 0 : (breaks[first] as number) + 2;
    for (let index = first + 1, line = 1; index <= last; index++, line += 2) {
      for (let byte = 0; byte !== COLON; at++, name++) {
        byte = scanned[at] as number;
        if (byte !== names[name]) return undefined;
      }
      const end = breaks[index] as number;
      lines[line] = valueBetween(text, source, at, end);
      at = end + 2;
    }
    return lines;
  }

  #readUnknown(text: string, source: Source | undefined, first: number, last: number): string[] | undefined {
    const scanned = scannedBytes();
    const breaks = scannedBreaks();
    const lines: string[] = [];
    let nameLength = 0;
    let at = first < 0 ? 0 : (breaks[first] as number) + 2;
    for (let index = first + 1; index <= last; index++) {
      let colon = at;
      while (TOKEN_BYTES[scanned[colon] as number] === 1) colon++;
      if (scanned[colon] !== COLON || colon === at) return undefined;
      const end = breaks[index] as number;
      lines.push(text.slice(at, colon), valueBetween(text, source, colon + 1, end));
      nameLength += colon + 1 - at;
      at = end + 2;
    }
    this.names = knownNames(lines, nameLength);
    latest = this.names;
    return lines;
  }
}

function knownNames(lines: readonly string[], length: number): KnownNames {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let line = 0; line < lines.length; line += 2) {
    const name = lines[line] as string;
    for (let index = 0; index < name.length; index++) bytes[at++] = name.charCodeAt(index);
    bytes[at++] = COLON;
  }
  return { lines: lines.map((line, index) => (index % 2 === 0 ? line : "")), bytes };
}

/** Where values are copied from; undefined where a part of the text will do. */
type Source = { readonly bytes: Buffer; readonly start: number };

/** The value between a colon and the end of its line, without the whitespace around it. */
function valueBetween(text: string, source: Source | undefined, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return source === undefined
    ? text.slice(start, end)
    : source.bytes.toString("latin1", source.start + start, source.start + end);
}

/** isBlank tells whether a byte is whitespace in a field line: a space or a tab, and nothing else (RFC 9110 §5.6.3). */
export function isBlank(code: number): boolean {
  return code === SPACE || code === HTAB;
}
