/** What comes of an input that our parser and Node's read. */

import type { ParserLimits } from "../../src/server/engine/parser.ts";
import { type Difference, differenceOf, isSameReading, isSameRequest } from "./compare-readings.ts";
import { MEANT, STRICTER } from "./known-differences.ts";
import { type Reading, type ReadRequest, readNode, readOurs } from "./readings.ts";

/** Whether something is a fault, and what it is. */
export interface Verdict {
  readonly isFault: boolean;
  readonly what: string;
}

/** What may come after an input of which one reader waits for more and the other does not. */
const COMPLETIONS: readonly string[] = [
  "\r\n",
  "\r\n\r\n",
  "\n\r\n",
  ":\r\n\r\n",
  "\r\nHost: a\r\n\r\n",
  ": b\r\nHost: a\r\n\r\n",
  "1\r\nHost: a\r\n\r\n",
  " HTTP/1.1\r\nHost: a\r\n\r\n",
  " / HTTP/1.1\r\nHost: a\r\n\r\n",
  "\r\n0\r\n\r\n",
  "\r\n0123456789\r\n0\r\n\r\n",
  "x".repeat(64),
];

/** Compares what the two read. */
export function compare(text: string): Verdict {
  const difference = differenceOf(readOurs(text), readNode(text));
  if (difference === undefined) return { isFault: false, what: "alike" };
  if (difference.kind !== "pending") return judge(difference, text);
  // The one that waits may read it yet.
  for (const completion of COMPLETIONS) {
    const complete = text + completion;
    const later = differenceOf(readOurs(complete), readNode(complete));
    const verdict = later === undefined || later.kind === "pending" ? undefined : judge(later, complete);
    if (verdict?.isFault) return { isFault: true, what: `${verdict.what}, with ${JSON.stringify(completion)}` };
  }
  return { isFault: false, what: `refused earlier: ${difference.what}` };
}

function judge(difference: Difference, text: string): Verdict {
  const { kind, what, at } = difference;
  const known = (kind === "stricter" ? STRICTER : MEANT).find(({ applies }) => applies(difference, text.slice(at)));
  return { isFault: known === undefined, what: `${kind}: ${known?.name ?? what}` };
}

/** Small enough for many inputs to reach them. */
export const NARROW: ParserLimits = { targetLength: 12, headSize: 70, lines: 3 };

/** Compares what we read in one piece and in several, and under limits. */
export function comparePieces(text: string, cuts: readonly number[]): Verdict {
  const whole = readOurs(text);
  if (!isSameReading(whole, readOurs(text, cuts))) return { isFault: true, what: "another reading in pieces" };
  const limited = readOurs(text, [], NARROW);
  if (!isSameReading(limited, readOurs(text, cuts, NARROW))) {
    return { isFault: true, what: "another reading in pieces under limits" };
  }
  if (!isWithin(limited, whole)) return { isFault: true, what: "another reading under limits" };
  return { isFault: false, what: "alike" };
}

/** Whether a reading under limits is the beginning of one without, and ends at the limits if it ends earlier. */
function isWithin(limited: Reading, whole: Reading): boolean {
  const { targetLength, lines } = NARROW;
  const isSmall = (request: ReadRequest): boolean =>
    request.target.length <= targetLength &&
    request.lines.length <= 2 * lines &&
    (request.trailers?.length ?? 0) <= 2 * lines;
  if (!limited.requests.every(isSmall)) return false;
  if (isSameReading(limited, whole)) return true;
  return (
    /^(?:414|431)/.test(limited.end) &&
    limited.requests.every((request, index) => {
      const other = whole.requests[index];
      if (other === undefined) return false;
      return isSameRequest(request, request.trailers === undefined ? { ...other, trailers: undefined } : other);
    })
  );
}

/** The cuts between which each byte is alone, or a few bytes of a long text. */
export function everyCut(text: string): number[] {
  const step = Math.ceil(text.length / 1000);
  return Array.from({ length: Math.ceil(text.length / step) }, (_, index) => index * step);
}
