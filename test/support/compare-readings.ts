/** Where two readings of the same bytes part. */

import type { Reading, ReadRequest } from "./readings.ts";

/** How our reading differs from Node's. */
export interface Difference {
  /**
   * "wider" where we read what Node refuses, "stricter" where Node reads what we refuse, "other" where both read something
   * else, "pending" where one waits for bytes after the other has refused.
   */
  readonly kind: "wider" | "stricter" | "other" | "pending";
  readonly what: string;
  /** The request at which the readings part; undefined where a reader has none. */
  readonly ours: ReadRequest | undefined;
  readonly node: ReadRequest | undefined;
  /** The request before it, which both have read alike. */
  readonly before: ReadRequest | undefined;
  /** Where the request starts at which they part. */
  readonly at: number;
  /** How the readings end. */
  readonly ends: { readonly ours: string; readonly node: string };
}

const isRefused = ({ end }: Reading): boolean => end !== "more" && end !== "closed" && end !== "HPE_CLOSED_CONNECTION";

/** The first difference; undefined where both read alike, or refuse alike. */
export function differenceOf(ours: Reading, node: Reading): Difference | undefined {
  const ends = { ours: ours.end, node: node.end };
  const count = Math.max(ours.requests.length, node.requests.length);
  for (let index = 0; index < count; index++) {
    const our = ours.requests[index];
    const their = node.requests[index];
    const place = { ours: our, node: their, before: ours.requests[index - 1], at: ours.starts[index] ?? 0, ends };
    const differ = (kind: Difference["kind"], what: string): Difference => ({ kind, what, ...place });
    if (our === undefined) {
      if (isRefused(ours)) return differ("stricter", `${ours.end} at a head`);
      return differ("other", ours.end === "more" ? "we wait for more of a head" : "the connection ends here for us");
    }
    if (their === undefined) return differ("wider", `a head, for Node ${node.end}`);
    for (const part of ["method", "target", "protocol", "keepsAlive", "expectsContinue"] as const) {
      if (our[part] !== their[part]) return differ("other", part);
    }
    if (!isSame(our.lines, their.lines)) return differ("other", "header lines");
    if (our.trailers !== undefined && their.trailers !== undefined) {
      if (our.body !== their.body) return differ("other", "body");
      if (!isSame(our.trailers, their.trailers)) return differ("other", "trailers");
    } else if (our.trailers !== undefined) return differ("wider", `the end of a body, for Node ${node.end}`);
    else if (their.trailers !== undefined) {
      if (isRefused(ours)) return differ("stricter", `${ours.end} in a body`);
      return differ("other", "we wait for more of a body");
    } else if (!our.body.startsWith(their.body) && !their.body.startsWith(our.body)) {
      return differ("other", "beginning of a body");
    } else if (!isRefused(ours) && !isRefused(node) && our.body !== their.body) {
      return differ("other", "body so far");
    }
  }
  if (isRefused(ours) === isRefused(node)) return undefined;
  const where = isRefused(ours) ? `${ours.end}, Node waits` : `we wait, for Node ${node.end}`;
  const place = { ours: undefined, node: undefined, before: ours.requests.at(-1), at: ours.starts.at(-1) ?? 0, ends };
  return { kind: "pending", what: where, ...place };
}

/** Whether two readings by the same reader are one. */
export function isSameReading(one: Reading, other: Reading): boolean {
  return (
    one.end === other.end &&
    one.requests.length === other.requests.length &&
    one.requests.every((request, index) => isSameRequest(request, other.requests[index] as ReadRequest))
  );
}

/** Whether two readings of a request agree in all that was read of it. */
export function isSameRequest(one: ReadRequest, other: ReadRequest): boolean {
  return (
    one.method === other.method &&
    one.target === other.target &&
    one.protocol === other.protocol &&
    one.keepsAlive === other.keepsAlive &&
    one.expectsContinue === other.expectsContinue &&
    isSame(one.lines, other.lines) &&
    one.body === other.body &&
    (one.trailers === undefined) === (other.trailers === undefined) &&
    isSame(one.trailers ?? [], other.trailers ?? [])
  );
}

function isSame(ours: readonly string[], theirs: readonly string[]): boolean {
  return ours.length === theirs.length && ours.every((text, index) => text === theirs[index]);
}
