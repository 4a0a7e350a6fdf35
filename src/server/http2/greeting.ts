/** What a server says first on a connection of HTTP/2 (RFC 9113 §3.4, §6.5). */

import type { ParserLimits } from "../engine/steps.ts";
import { ENABLE_CONNECT_PROTOCOL, MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE, MOST, setting } from "./frames.ts";
import { LINE_COST } from "./hpack/static-table.ts";

/** How large a head is accepted in any case: what is larger than a request may be is answered up to there. */
const LEAST_HEADER_LIST = 65_536;

/** How many pseudo-headers a request has at most. */
const PSEUDO_HEADERS = 5;

/** What all connections of a server have in common. */
export interface SessionLimits {
  /** How many streams there may be at once. */
  readonly streams: number;
  /** How large a header list may be, in bytes as RFC 9113 §6.5.2 counts them. */
  readonly headerList: number;
  /** The settings that tell clients of it. */
  readonly settings: string;
}

/** sessionLimits gives the limits for a number of streams at once and the heads that a server takes. */
export function sessionLimits(most: number, { headSize, lines }: ParserLimits): SessionLimits {
  const streams = Math.min(MOST, most);
  const accepted = Math.min(MOST, headSize + LINE_COST * (lines + PSEUDO_HEADERS));
  const headerList = Math.max(LEAST_HEADER_LIST, Math.min(MOST, 2 * accepted));
  const settings =
    setting(MAX_CONCURRENT_STREAMS, streams) +
    setting(MAX_HEADER_LIST_SIZE, headerList) +
    // WebSockets (RFC 8441 §3).
    setting(ENABLE_CONNECT_PROTOCOL, 1);
  return { streams, headerList, settings };
}
