/**
 * Refuses requests for host names that are not the site's.
 *
 * ```ts
 * export const app = trustedHosts(site, { hosts: ["example.com", "*.example.com", "localhost"] });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import type { App } from "../src/gateway.ts";
import { isHostField } from "../src/http/url.ts";
import { checkOptions, type Kinds, listOf, STRING } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";

/** Which hosts are the site's. */
export interface TrustedHostsOptions {
  /**
   * Names and addresses, `"example.com"`, `"127.0.0.1"`, `"[::1]"`: any port counts, and with one, `"localhost:8000"`, that one
   * alone. `"*.example.com"` stands for all names below it, at any depth, but not for itself. Required.
   */
  hosts: readonly string[];
}

const KINDS: Kinds<TrustedHostsOptions> = { hosts: listOf(STRING) };

const refuse = text("Misdirected Request\n", { status: "421 Misdirected Request" });

/** A name, an address in brackets, and the port. */
const HOST = /^(\*\.)?([a-z\d_-]+(?:\.[a-z\d_-]+)*|\[[\da-f:.]+\])\.?(?::(\d{1,5}))?$/;

/**
 * trustedHosts answers with 421 (RFC 9110 §15.5.20), without asking `app`, unless the `Host` of the request is one of `hosts`. The
 * client chooses that header, and what an app makes of it, such as the links of a mail or a key of a cache, leads elsewhere if it is
 * believed. It also keeps pages that have their own name point to this address (DNS rebinding) from reading a local server.
 *
 * Letter case and a trailing dot do not count. A request without `Host` is refused. It does not tell who asks: a client that is not a browser
 * sends the name of the site, and the app gets the header as it came. Behind proxies `proxyFix` belongs outside of it;
 * checks of a load balancer often ask for an address, which is to be listed then.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function trustedHosts(app: App, options: TrustedHostsOptions): App {
  checkApp(app, "trustedHosts");
  checkOptions("trustedHosts", options, KINDS);
  const { hosts } = options;
  if ((hosts as unknown) === undefined || hosts.length === 0) {
    throw new TsgiError("TSGI_BAD_OPTION", "trustedHosts has no hosts", {
      hint: 'Give the names of the site: { hosts: ["example.com"] }.',
    });
  }
  const exact = new Set<string>();
  const suffixes: string[] = [];
  for (const host of hosts) {
    const [, wildcard, name, port] = HOST.exec(asciiHost(host)) ?? badHost(host);
    if (wildcard === undefined) exact.add(port === undefined ? (name as string) : `${name}:${port}`);
    else if (port === undefined && !name?.startsWith("[")) suffixes.push(`.${name}`);
    else badHost(host);
  }
  /** The value that was let in last: nearly every request has the same. */
  let known: string | undefined;

  const outer: App = function trustedHosts(environ, startResponse) {
    const { HTTP_HOST: host } = environ;
    if (host === undefined || (host !== known && !isTrusted(host))) return refuse(environ, startResponse);
    known = host;
    return app(environ, startResponse);
  };
  return wrapping(outer, app);

  function isTrusted(host: string): boolean {
    if (host.length > 262 || host.startsWith("*") || !isHostField(host)) return false;
    const [, , name, port] = HOST.exec(host.toLowerCase()) ?? [];
    if (name === undefined || (port !== undefined && Number(port) > 65_535)) return false;
    return exact.has(name) || exact.has(`${name}:${port}`) || suffixes.some((suffix) => name.endsWith(suffix));
  }
}

/** An international name as browsers send it. */
function asciiHost(host: string): string {
  const lower = host.toLowerCase();
  if (/^[\x21-\x7e]*$/.test(lower) || !URL.canParse(`http://${lower.replace("*.", "")}`)) return lower;
  const wildcard = lower.startsWith("*.") ? "*." : "";
  return wildcard + new URL(`http://${lower.slice(wildcard.length)}`).host;
}

function badHost(host: string): never {
  throw new TsgiError("TSGI_BAD_OPTION", `${JSON.stringify(host)} of trustedHosts is not a host`, {
    hint: 'Give "example.com", "*.example.com", "localhost:8000" or "[::1]".',
  });
}
