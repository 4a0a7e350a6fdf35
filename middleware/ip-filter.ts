/**
 * Lets in clients by their address.
 *
 * ```ts
 * export const app = dispatcher(site, {
 *   "/metrics": ipFilter(figures, { allow: ["127.0.0.1", "::1", "10.0.0.0/8"] }),
 * });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { BoundedMap } from "../src/bounded-map.ts";
import { TsgiError } from "../src/errors.ts";
import type { App } from "../src/gateway.ts";
import { networksOf } from "../src/networks.ts";
import { checkOptions, type Kinds, listOf, STRING } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";

/** Which clients are let in: one of the two is required. Of an address in both, `deny` counts. */
export interface IpFilterOptions {
  /**
   * The only addresses and networks that are let in: `["10.0.0.0/8", "::1"]`; `"unix"` stands for clients of a Unix socket.
   * Default everybody.
   */
  allow?: readonly string[];
  /** Addresses and networks that are not let in. Default none. */
  deny?: readonly string[];
}

const KINDS: Kinds<IpFilterOptions> = { allow: listOf(STRING), deny: listOf(STRING) };

const refuse = text("Forbidden\n", { status: "403 Forbidden" });

/**
 * ipFilter answers with 403, without asking `app`, where `REMOTE_ADDR` is in `deny`, or not in `allow`. It reads no header:
 * behind proxies `proxyFix` belongs outside of it, else the address is that of the last proxy. An IPv4 address that is mapped into
 * IPv6 is the former. What is not an address is only let in where `allow` is not given.
 *
 * An address says where a packet came from, not who sent it: it does not replace `basicAuth` or `bearer`. It needs Node.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function ipFilter(app: App, options: IpFilterOptions): App {
  checkApp(app, "ipFilter");
  checkOptions("ipFilter", options, KINDS);
  const { allow, deny } = options;
  if (allow === undefined && deny === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", "ipFilter has neither allow nor deny", {
      hint: 'Give networks: { allow: ["10.0.0.0/8"] }.',
    });
  }
  const isAllowed = allow === undefined ? () => true : hasPeer("allow of ipFilter", allow);
  const isDenied = deny === undefined ? () => false : hasPeer("deny of ipFilter", deny);
  const verdicts = new BoundedMap<string, boolean>(1000);

  /** To look an address up costs microseconds on Node 20, and a client makes more than one request. */
  function passes(address: string): boolean {
    const known = verdicts.get(address);
    if (known !== undefined) return known;
    const verdict = isAllowed(address) && !isDenied(address);
    verdicts.set(address, verdict);
    return verdict;
  }

  const outer: App = function ipFilter(environ, startResponse) {
    return passes(environ.REMOTE_ADDR) ? app(environ, startResponse) : refuse(environ, startResponse);
  };
  return wrapping(outer, app);
}

function hasPeer(owner: string, networks: readonly string[]): (address: string) => boolean {
  const hasSocket = networks.includes("unix");
  const has = networksOf(
    owner,
    networks.filter((network) => network !== "unix"),
  );
  return (address) => (address === "" ? hasSocket : has(address));
}
