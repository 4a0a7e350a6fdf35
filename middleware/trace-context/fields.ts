/** The fields `traceparent` and `tracestate` (W3C Trace Context, Level 2). */

/** Where a request stands in a trace. */
export interface TraceParent {
  /** The whole trace: 32 hexadecimal digits. */
  readonly traceId: string;
  /** The span of the caller: 16 hexadecimal digits. */
  readonly parentId: string;
  /** One byte: bit 0 says that the caller may have recorded it, bit 1 that the id of the trace is random. */
  readonly flags: number;
}

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
const KNOWN_FLAGS = 0b11;

/** Parses `traceparent`; undefined for one that is malformed, which is as none (§3.2.2). */
export function parseTraceParent(value: string | undefined): TraceParent | undefined {
  const parts = value === undefined ? null : TRACEPARENT.exec(value);
  if (parts === null) return undefined;
  const [, version, traceId = "", parentId = "", flags = "", rest] = parts;
  // A later version may go on after a dash (§4).
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || parentId === NO_SPAN) return undefined;
  return { traceId, parentId, flags: Number.parseInt(flags, 16) & KNOWN_FLAGS };
}

/** Writes `traceparent`. */
export function formatTraceParent({ traceId, parentId, flags }: TraceParent): string {
  return `00-${traceId}-${parentId}-${flags.toString(16).padStart(2, "0")}`;
}

const KEY = String.raw`[a-z\d][a-z\d_\-*/]{0,255}|[a-z\d][a-z\d_\-*/]{0,240}@[a-z][a-z\d_\-*/]{0,13}`;
const MEMBER = new RegExp(`^(${KEY})=([\\x20-\\x2b\\x2d-\\x3c\\x3e-\\x7e]{0,255}[\\x21-\\x2b\\x2d-\\x3c\\x3e-\\x7e])$`);
const MOST_MEMBERS = 32;

/**
 * The `tracestate` of a request, as it may be handed on: without empty members and whitespace around them; empty where it is
 * malformed, has more than 32 members or one key twice, as all of it is dropped then (§3.3.1).
 */
export function checkTraceState(value: string | undefined): string {
  if (value === undefined) return "";
  const members = value
    .split(",")
    .map(withoutWhitespace)
    .filter((member) => member !== "");
  const keys = new Set<string>();
  for (const member of members) {
    const key = MEMBER.exec(member)?.[1];
    if (key === undefined || keys.has(key)) return "";
    keys.add(key);
  }
  return members.length > MOST_MEMBERS ? "" : members.join(",");
}

/** Without spaces and tabs around it; an expression would look at a run of them once for each of its characters. */
function withoutWhitespace(member: string): string {
  let start = 0;
  let end = member.length;
  while (start < end && isWhitespace(member[start])) start++;
  while (end > start && isWhitespace(member[end - 1])) end--;
  return member.slice(start, end);
}

function isWhitespace(char: string | undefined): boolean {
  return char === " " || char === "\t";
}
