/** Status lines: `"200 OK"` taken apart, once each. */

import { TsgiError } from "./errors.ts";
import type { StatusLine } from "./gateway.ts";

/** A status line taken apart. */
export interface Status {
  readonly code: number;
  readonly reason: string;
  /** Whether a response with this status never has a body (RFC 9110 §6.4.1). */
  readonly bodiless: boolean;
}

const known = new Map<string, Status>();

/**
 * Takes a status line apart. Throws `TSGI_BAD_STATUS` for anything but three digits from 200 to 999, a space and a reason
 * phrase (RFC 9112 §4). An informational response is `exchange.inform`'s.
 */
export function parseStatus(line: StatusLine): Status {
  return known.get(line) ?? parse(line);
}

function parse(line: unknown): Status {
  const parts = typeof line === "string" ? /^([2-9]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/.exec(line) : null;
  if (parts === null) {
    throw new TsgiError("TSGI_BAD_STATUS", `${JSON.stringify(line)} is no status line`, {
      hint: 'Write three digits, a space and a reason: "200 OK".',
    });
  }
  const code = Number(parts[1]);
  const status = { code, reason: parts[2] as string, bodiless: code === 204 || code === 304 };
  if (known.size < 1000) known.set(line as string, status);
  return status;
}
