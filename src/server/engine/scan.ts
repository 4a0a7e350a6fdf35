/**
 * Finds the lines of a head, or of a trailer section: where each CRLF is, that no other control character stands between them,
 * and where the empty line ends it (RFC 9112 §2.2, §5). It looks at four bytes at a time.
 */

/** What a scan finds instead of the end. */
export const INCOMPLETE = -1;
export const MALFORMED = -2;
export const TOO_LARGE = -3;

const CR = 13;
const LF = 10;
const HTAB = 9;
const DEL = 127;

/** How many bytes are copied at a time: most heads are shorter, and what follows a head need not be copied. */
const BLOCK = 2048;

/** The bytes of a head, where four of them are one aligned number. Every scan uses it from its start. */
let scratch = new Uint8Array(1 << 16);
let words = new Int32Array(scratch.buffer);

/** The positions of the CRLFs found by the last scan, relative to the start of the head. */
let breaks = new Int32Array(256);

/** The bytes that the last complete scan has looked at, from the start of the head. */
export function scannedBytes(): Uint8Array {
  return scratch;
}

/** The positions of the CRLFs that the last complete scan has found. */
export function scannedBreaks(): Int32Array {
  return breaks;
}

/** One section of lines that is scanned as its bytes come. */
export class LineScan {
  /** How many CRLFs there are; the last one is the empty line's. */
  count = 0;
  /** Up to where all is known to be well; the position of the fault after `MALFORMED`. */
  position = 0;
  /** What was found before, while the section is incomplete. */
  #saved: Int32Array | undefined;

  /** Starts over with another section. */
  reset(): void {
    this.count = 0;
    this.position = 0;
    this.#saved = undefined;
  }

  /**
   * Scans `bytes` from `start`, where the section starts, to `end`. Gives the length of the section with its empty line, or
   * why there is none yet. `TOO_LARGE` where it is longer than `limit` bytes or has more than `lines` CRLFs.
   */
  scan(bytes: Buffer, start: number, end: number, limit: number, lines: number): number {
    const length = end - start;
    if (length > scratch.length) grow(length);
    let from = this.position & ~3;
    if (this.#saved !== undefined) {
      if (this.#saved.length > breaks.length) breaks = new Int32Array(2 * this.#saved.length);
      breaks.set(this.#saved);
      // Those who read the lines later find them all.
      bytes.copy(scratch, 0, start, start + from);
    }
    let found = INCOMPLETE;
    while (found === INCOMPLETE && from < length) {
      const to = Math.min(from + BLOCK, length);
      bytes.copy(scratch, from, start + from, start + to);
      found = this.#scanBlock(from, to, lines);
      if (to === length) break;
      // A CR at the end of a block is looked at again with its LF.
      from = this.position & ~3;
    }
    if ((found >= 0 ? found : this.position) > limit) return TOO_LARGE;
    if (found === INCOMPLETE) this.#saved = breaks.slice(0, this.count);
    return found;
  }

  #scanBlock(from: number, to: number, lines: number): number {
    const bytes = scratch;
    const wide = words;
    scratch.fill(32, to, (to + 3) & ~3);
    const last = (to + 3) >> 2;
    for (let word = from >> 2; word < last; word++) {
      const four = wide[word] as number;
      const deleted = four ^ 0x7f7f7f7f;
      // A byte below 0x20, or one that is DEL; a neighbour of such a byte may look like one.
      if (((((four - 0x20202020) & ~four) | ((deleted - 0x01010101) & ~deleted)) & 0x80808080) === 0) continue;
      const stop = Math.min((word << 2) + 4, to);
      for (let index = Math.max(word << 2, this.position); index < stop; index++) {
        const byte = bytes[index] as number;
        if (byte >= 32 ? byte !== DEL : byte === HTAB) continue;
        this.position = index;
        if (byte !== CR) return MALFORMED;
        if (index + 1 === to) return INCOMPLETE;
        if (bytes[index + 1] !== LF) {
          this.position++;
          return MALFORMED;
        }
        const lineStart = this.count === 0 ? 0 : (breaks[this.count - 1] as number) + 2;
        if (this.count === breaks.length) growBreaks();
        breaks[this.count++] = index;
        this.position = index + 2;
        if (index === lineStart) return index + 2;
        if (this.count > lines) return TOO_LARGE;
        index++;
      }
    }
    this.position = to;
    return INCOMPLETE;
  }
}

function grow(length: number): void {
  const larger = new Uint8Array(2 ** Math.ceil(Math.log2(length + 4)));
  scratch = larger;
  words = new Int32Array(larger.buffer);
}

function growBreaks(): void {
  const larger = new Int32Array(2 * breaks.length);
  larger.set(breaks);
  breaks = larger;
}
