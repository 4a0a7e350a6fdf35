/** The head of a response: status and headers. */

import { SWITCHING_STATUS } from "../../src/exchange/failures.ts";
import type { HeaderList, StatusLine } from "../../src/gateway.ts";
import { checkHeaders } from "../../src/http/field-rules.ts";
import { parseStatus, type Status } from "../../src/http/status.ts";
import { violation } from "./violation.ts";

/**
 * Throws `TSGI_LINT_RESPONSE` for a head that breaks the contract; gives its status and its `Content-Length`, or -1. `isSwitch`
 * says that it is the 101 of an app which waits for its connection.
 */
export function checkHead(
  line: StatusLine,
  headers: HeaderList,
  isSwitch: boolean,
): { readonly status: Status; readonly declared: number } {
  const status = isSwitch ? SWITCHING_STATUS : asRule(() => parseStatus(line));
  const declared = asRule(() => checkHeaders(headers, status.code));
  checkFields(headers);
  if (status.code === 204 && declared >= 0) throw violation("RESPONSE", "204 declares a Content-Length", "noLength");
  return { status, declared };
}

/** Fields of which a response has one at most: they are not lists (RFC 9110 §5.3, §5.5). */
const SINGLE = new Set([
  "age",
  "content-location",
  "content-range",
  "content-type",
  "date",
  "etag",
  "expires",
  "last-modified",
  "location",
  "retry-after",
]);

function checkFields(headers: HeaderList): void {
  const seen = new Set<string>();
  for (const [name] of headers) {
    const key = name.toLowerCase();
    if (key === "status") throw violation("RESPONSE", "there is a header named Status", "singleFields");
    if (SINGLE.has(key) && seen.has(key)) throw violation("RESPONSE", `${name} stands twice`, "singleFields");
    seen.add(key);
  }
}

/** isEqual tells whether two lists have the same lines. */
export function isEqual(one: HeaderList, other: HeaderList): boolean {
  return (
    one.length === other.length &&
    one.every(([name, value], index) => name === other[index]?.[0] && value === other[index]?.[1])
  );
}

function asRule<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw violation("RESPONSE", (error as Error).message.replace(/\.$/, ""), "head");
  }
}
