/** What nghttp2 is told about the limits of a session. */

import type { ServerOptions } from "node:http2";
import type { ParserLimits } from "../engine/steps.ts";

/** What a header line costs in a header list besides its bytes (RFC 9113 §6.5.2). */
const LINE_COST = 32;

/** What nghttp2 holds at least of a head: what is larger than a request may be is answered up to there, and reset beyond it. */
const LEAST_HEADER_LIST = 65_536;

/** How many pseudo-headers a request has at most. */
const PSEUDO_HEADERS = 5;

/**
 * sessionOptions makes the options of all sessions of a server. What Node bounds by itself stays as it is: resets (1000, then 33
 * a second), unanswered PING and SETTINGS (1000), frames of CONTINUATION (8), empty DATA (1000), memory (10 MB).
 */
export function sessionOptions(streams: number, { headSize, lines }: ParserLimits): ServerOptions {
  const most = 2 ** 31 - 1;
  const accepted = Math.min(most, headSize + LINE_COST * (lines + PSEUDO_HEADERS));
  return {
    maxHeaderListPairs: Math.min(most, 2 * (lines + PSEUDO_HEADERS)),
    settings: {
      // WebSockets (RFC 8441 §3).
      enableConnectProtocol: true,
      maxConcurrentStreams: streams,
      maxHeaderListSize: Math.max(LEAST_HEADER_LIST, Math.min(most, 2 * accepted)),
    },
  };
}
