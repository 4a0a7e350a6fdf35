/** What proxies say of a request, and the environ that follows from it. */

import type { MutableEnviron, Peer } from "../../src/exchange/environ.ts";
import type { Environ } from "../../src/gateway.ts";
import { parseForwarded } from "../../src/http/forwarded.ts";
import { canonicalPrefix } from "../../src/http/path.ts";
import { isHostField } from "../../src/http/url.ts";
import type { Trust } from "./trust.ts";

/** What the outermost proxy that is believed says, as it says it. */
export interface Claims {
  readonly client: Peer | undefined;
  readonly scheme?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly prefix?: string | undefined;
}

/** Reads the claims of a request. Undefined where they are malformed. */
export type ReadClaims = (environ: Environ, trust: Trust) => Claims | undefined;

/** Reads `Forwarded`. */
export const readForwarded: ReadClaims = ({ HTTP_FORWARDED = "" }, trust) => {
  const elements = parseForwarded(HTTP_FORWARDED);
  if (elements === undefined) return undefined;
  const nodes = elements.map((element) => element.for);
  const { client, proxies } = trust.follow(nodes);
  // Each proxy adds an element: where there are fewer, not all of them were passed.
  const element = elements[elements.length - proxies];
  return { client, scheme: element?.proto, host: element?.host };
};

/** The headers beside `Forwarded`, by what they say. */
export interface Fields {
  readonly client: boolean;
  readonly scheme: boolean;
  readonly host: boolean;
  readonly port: boolean;
  readonly prefix: boolean;
}

/** Reads these of the `X-Forwarded-*` headers. */
export function readFields(fields: Fields): ReadClaims {
  return (environ, trust) => {
    const nodes = fields.client ? listOf(environ.HTTP_X_FORWARDED_FOR) : undefined;
    const { client, proxies } = trust.follow(nodes);
    return {
      client,
      scheme: fields.scheme ? claimOf(environ.HTTP_X_FORWARDED_PROTO, proxies) : undefined,
      host: fields.host ? claimOf(environ.HTTP_X_FORWARDED_HOST, proxies) : undefined,
      port: fields.port ? claimOf(environ.HTTP_X_FORWARDED_PORT, proxies) : undefined,
      prefix: fields.prefix ? claimOf(environ.HTTP_X_FORWARDED_PREFIX, proxies) : undefined,
    };
  };
}

function listOf(header: string | undefined): string[] {
  return header === undefined ? [] : header.split(",").map((each) => each.trim());
}

/** What the outermost proxy says. Some append to what they get, others replace it: then there are fewer values than proxies. */
function claimOf(header: string | undefined, proxies: number): string | undefined {
  const values = listOf(header);
  if (proxies === 0) return undefined;
  return values[Math.max(0, values.length - proxies)];
}

const SCHEMES: Readonly<Record<string, "http" | "https">> = {
  __proto__: null as never,
  http: "http",
  https: "https",
  ws: "http",
  wss: "https",
};

/** The environ as the outermost proxy would have built it. A claim that is malformed changes nothing. */
export function withClaims(environ: Environ, claims: Claims): Environ {
  const fixed: MutableEnviron = { ...environ };
  if (claims.client !== undefined) {
    fixed.REMOTE_ADDR = claims.client.address;
    fixed.REMOTE_PORT = claims.client.port;
  }
  const scheme = claims.scheme === undefined ? undefined : SCHEMES[claims.scheme.toLowerCase()];
  const host = claims.host !== undefined && isHostField(claims.host) && claims.host !== "" ? claims.host : undefined;
  const port = portOf(claims.port);
  if (scheme !== undefined) fixed["tsgi.url_scheme"] = scheme;
  if (host !== undefined) fixed.HTTP_HOST = host;
  const usual = fixed["tsgi.url_scheme"] === "https" ? "443" : "80";
  if (port !== undefined) {
    fixed.SERVER_PORT = port;
    const name = fixed.HTTP_HOST?.replace(PORT_OF_HOST, "");
    if (name !== undefined) fixed.HTTP_HOST = port === usual ? name : `${name}:${port}`;
  } else if (scheme !== undefined || host !== undefined) {
    fixed.SERVER_PORT = portOf(PORT_OF_HOST.exec(fixed.HTTP_HOST ?? "")?.[1]) ?? usual;
  }
  const prefix = claims.prefix === undefined ? undefined : canonicalPrefix(claims.prefix);
  if (prefix !== undefined && environ.PATH_INFO !== "*") fixed.SCRIPT_NAME = prefix + environ.SCRIPT_NAME;
  return fixed;
}

const PORT_OF_HOST = /:(\d*)$/;

function portOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? text : undefined;
}
