/** Proactive negotiation (RFC 9110 §12.5): which of several representations a client prefers. */

import Negotiator from "negotiator";

/**
 * The content coding to send, of those that are there, best first; `identity` is one of them if the representation may be
 * sent as it is. Undefined where the client accepts none of them: 406.
 *
 * Without `Accept-Encoding` it is `identity`: the field's absence accepts everything, but says that the client knows nothing.
 * `x-gzip` is `gzip` (RFC 9110 §8.4.1.3).
 */
export function preferredEncoding(header: string | undefined, available: readonly string[]): string | undefined {
  if (header === undefined) return available.includes("identity") ? "identity" : undefined;
  const wanted = new Map<string, string>();
  for (const element of header.split(",", MAX_ELEMENTS)) {
    const coding = (element.split(";", 1)[0] as string)
      .trim()
      .toLowerCase()
      .replace(/^x-gzip$/, "gzip");
    // What is not offered says nothing; of repeats the first counts.
    const isKnown = coding === "*" || coding === "identity" || available.includes(coding);
    if (!isKnown || wanted.has(coding) || BAD_WEIGHT.test(element)) continue;
    wanted.set(coding, element.includes(";") ? coding + element.slice(element.indexOf(";")) : coding);
  }
  const negotiator = new Negotiator({
    headers: { "accept-encoding": [...wanted.values()].join() },
  }) as unknown as Encodings;
  return negotiator.encodings([...available], { preferred: [...available] })[0];
}

/** More codings than there are; a client may send thousands of them. */
const MAX_ELEMENTS = 64;

/** A weight that is none (RFC 9110 §12.4.2); what is malformed says nothing, where the package would take it for a refusal. */
const BAD_WEIGHT = /;\s*q\s*=(?!\s*(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$))/i;

/** What the types of the package leave out. */
interface Encodings {
  encodings(available: string[], options: { preferred: string[] }): string[];
}

/** The media type to send, of those that are there; undefined where the client accepts none. Without `Accept` the first. */
export function preferredType(header: string | undefined, available: readonly string[]): string | undefined {
  if (header === undefined) return available[0];
  return new Negotiator({ headers: { accept: header } }).mediaTypes([...available])[0];
}
