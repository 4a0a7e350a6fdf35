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
}

const isRefused = ({ end }: Reading): boolean => end !== "more" && end !== "closed" && end !== "HPE_CLOSED_CONNECTION";

/** The first difference; undefined where both read alike, or refuse alike. */
export function differenceOf(ours: Reading, node: Reading): Difference | undefined {
  const count = Math.max(ours.requests.length, node.requests.length);
  for (let index = 0; index < count; index++) {
    const our = ours.requests[index];
    const their = node.requests[index];
    const differ = (kind: Difference["kind"], what: string): Difference => ({ kind, what, ours: our, node: their });
    if (our === undefined) {
      if (isRefused(ours)) return differ("stricter", `${ours.end} at a head`);
      return differ("other", ours.end === "more" ? "we wait for more of a head" : "the connection ends here for us");
    }
    if (their === undefined) return differ("wider", `a head, for Node ${node.end}`);
    for (const part of ["method", "target", "protocol", "keepsAlive"] as const) {
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
  const last = { ours: ours.requests.at(-1), node: node.requests.at(-1) };
  return { kind: "pending", what: where, ...last };
}

function isSame(ours: readonly string[], theirs: readonly string[]): boolean {
  return ours.length === theirs.length && ours.every((text, index) => text === theirs[index]);
}
