/** The opening handshake as a client sends it (RFC 6455 §4.2.1), judged. */

import { TsgiError } from "../../src/errors.ts";
import type { Environ } from "../../src/gateway.ts";
import { TOKEN } from "../../src/http/field-rules.ts";
import { originOption } from "../../src/http/origin.ts";
import type { Refusal } from "./refusals.ts";

/** The subprotocols that are spoken, or how one of those offered is chosen. */
export type Protocols = readonly string[] | ((offered: readonly string[], environ: Environ) => string | undefined);

/** From which origins pages may connect. */
export type Origin = "*" | readonly string[];

/** A handshake that is accepted. */
export interface Handshake {
  readonly key: string;
  /** The subprotocol that was chosen. */
  readonly protocol: string | undefined;
  /** The extensions that the client offers. */
  readonly extensions: string | undefined;
}

/** Sixteen bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** Judges a handshake; gives why it is refused. */
export function handshakeOf(
  environ: Environ,
  isAllowed: (environ: Environ) => boolean,
  protocols: Protocols,
): Handshake | Refusal {
  const { HTTP_SEC_WEBSOCKET_KEY: key = "", HTTP_SEC_WEBSOCKET_PROTOCOL: list } = environ;
  if (!asksForWebSocket(environ)) return "not asked";
  if (environ.REQUEST_METHOD !== "GET") return "method";
  if (!isAllowed(environ)) return "origin";
  if (environ.HTTP_SEC_WEBSOCKET_VERSION !== "13") return "version";
  const offered = list === undefined ? [] : tokensOf(list);
  if (!KEY.test(key) || !areProtocols(offered)) return "malformed";
  return {
    key,
    protocol: offered.length === 0 ? undefined : chosen(offered, protocols, environ),
    extensions: environ.HTTP_SEC_WEBSOCKET_EXTENSIONS,
  };
}

function asksForWebSocket({ HTTP_UPGRADE, HTTP_CONNECTION, SERVER_PROTOCOL }: Environ): boolean {
  // HTTP/1.0 has no upgrades (RFC 9110 §7.8).
  return SERVER_PROTOCOL !== "HTTP/1.0" && has(HTTP_UPGRADE, "websocket") && has(HTTP_CONNECTION, "upgrade");
}

/** Whether a token is in a list, in any case. */
function has(list: string | undefined, token: string): boolean {
  return list !== undefined && tokensOf(list.toLowerCase()).includes(token);
}

function tokensOf(list: string): readonly string[] {
  return list.split(",").map((token) => token.trim());
}

/** Whether what is offered are tokens, each once (RFC 6455 §4.1). */
function areProtocols(offered: readonly string[]): boolean {
  return offered.every((each) => TOKEN.test(each)) && new Set(offered).size === offered.length;
}

function chosen(offered: readonly string[], protocols: Protocols, environ: Environ): string | undefined {
  if (typeof protocols !== "function") return offered.find((each) => protocols.includes(each));
  const choice = protocols(offered, environ);
  if (choice === undefined || offered.includes(choice)) return choice;
  throw new TsgiError("TSGI_BAD_OPTION", `protocols of websocket chose ${JSON.stringify(choice)}`, {
    hint: `The client offers ${offered.join(", ")}: return one of these, or undefined.`,
  });
}

/** The test of the origin of a request. A browser sends one with each handshake (RFC 6455 §10.2). */
export function originsOf(origin: Origin | undefined): (environ: Environ) => boolean {
  if (origin === "*") return () => true;
  if (origin === undefined) return isSameHost;
  const allowed = new Set(
    origin.map((each) => (OF_NO_SITE.test(each) ? each : originOption(OWNER, each)).toLowerCase()),
  );
  return ({ HTTP_ORIGIN }) => HTTP_ORIGIN === undefined || allowed.has(HTTP_ORIGIN.toLowerCase());
}

const OWNER = "origin of websocket";

/** Origins that are not those of a site: of a sandboxed frame, or of an extension of a browser. */
const OF_NO_SITE = /^(?:null|(?!https?:)[a-z][\w+.-]*:\/\/[^/]+)$/i;

/** Whether a page comes from the host of the request. Its scheme may differ: TLS may end at a proxy. */
function isSameHost({ HTTP_ORIGIN: origin, HTTP_HOST: host }: Environ): boolean {
  if (origin === undefined) return true;
  const scheme = /^https?:\/\//i.exec(origin)?.[0];
  if (scheme === undefined || host === undefined) return false;
  const page = hostOf(origin);
  return page !== undefined && page === hostOf(`${scheme}${host}`);
}

/** The host and port of a URL, without the default port. */
function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}
