/** Origins: of headers, of options, and of requests. */

import { TsgiError } from "../errors.ts";

/** An origin of the web: scheme, host and a port unless it is the usual one (RFC 6454 §6.2). */
export type Origin = string;

/** An origin as options have it, `"https://example.com"`, in the form that browsers send. Throws `TSGI_BAD_OPTION`. */
export function originOption(owner: string, origin: string): Origin {
  const url = !origin.includes("*") && URL.canParse(origin) ? new URL(origin) : undefined;
  if (url !== undefined && url.origin === origin.toLowerCase().replace(/^(http:.*):80$|^(https:.*):443$/, "$1$2")) {
    return url.origin;
  }
  throw new TsgiError("TSGI_BAD_OPTION", `${JSON.stringify(origin)} of ${owner} is not an origin`, {
    hint: 'Give scheme and host, without a path: "https://example.com", "http://localhost:3000".',
  });
}

/** The host and the port of an origin, lower case; undefined for `null` and for what is not one. */
export function hostOfOrigin(origin: string): string | undefined {
  return /^https?:\/\/([^/?#@\\\s]+)$/i.exec(origin)?.[1]?.toLowerCase();
}

/** Whether two hosts are the same: letter case does not count, nor does the usual port of a scheme, written or not. */
export function isSameHost(one: string, other: string, scheme: string): boolean {
  return withoutPort(one, scheme) === withoutPort(other, scheme);
}

function withoutPort(host: string, scheme: string): string {
  const usual = scheme === "https" ? ":443" : ":80";
  const lower = host.toLowerCase();
  return lower.endsWith(usual) ? lower.slice(0, -usual.length) : lower;
}
