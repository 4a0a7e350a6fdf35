/** The `Forwarded` header (RFC 7239). */

/** What one proxy says of the request that it got. Names are in lower case. */
export type ForwardedElement = Readonly<Record<string, string>>;

/**
 * A value may have colons and brackets without quotes, as in `for=192.0.2.1:80`: many proxies write it so, and neither can be
 * taken for a separator.
 */
const PAIR =
  /([!#$%&'*+\-.^_`|~\w]+)=(?:([!#$%&'*+\-.^_`|~\w:[\]]+)|"((?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)")/y;
const SEPARATOR = /[\t ]*([;,]|$)[\t ]*/y;

/**
 * parseForwarded takes the header apart: an element for each proxy, the one that is nearest to the client first. Undefined
 * where it is malformed, or says something twice: nobody can tell then which proxy has said what.
 */
export function parseForwarded(value: string): ForwardedElement[] | undefined {
  const elements: ForwardedElement[] = [];
  let element: Record<string, string> = Object.create(null);
  let at = /^[\t ]*/.exec(value)?.[0].length ?? 0;
  for (;;) {
    PAIR.lastIndex = at;
    const pair = PAIR.exec(value);
    if (pair !== null) {
      const [{ length }, name = "", token, quoted = ""] = pair;
      if (name.toLowerCase() in element) return undefined;
      element[name.toLowerCase()] = token ?? quoted.replace(/\\(.)/g, "$1");
      at += length;
    }
    SEPARATOR.lastIndex = at;
    const separator = SEPARATOR.exec(value);
    if (separator === null) return undefined;
    at += separator[0].length;
    if (separator[1] === ";") continue;
    // A list may have empty elements (RFC 9110 §5.6.1).
    if (Object.keys(element).length > 0) elements.push(element);
    element = Object.create(null);
    if (separator[1] === "") return elements;
  }
}
