/**
 * Gives each host name an app of its own.
 *
 * ```ts
 * export const app = hosts(website, {
 *   "api.example.com": api,
 *   ":tenant.example.com": tenantSite,
 * });
 * ```
 */

import { type MatchFunction, match, parse } from "path-to-regexp";
import { checkApp } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import type { App } from "../src/gateway.ts";

/** Apps by host name. */
export type Hosts = Readonly<Record<string, App>>;

/**
 * hosts hands each request to the app of its `Host` header, without regard to port, case and a trailing dot
 * (RFC 9110 §4.2.3, RFC 1034 §3.1). A key with `:name` or `*name` is a pattern, in which a parameter takes one label and a
 * wildcard several; they go to `tsgi.params`. A literal key beats a pattern, and of two patterns the first. A host without
 * an app, a request without one, and a malformed one go to `app`.
 *
 * The client chooses the header: let `app` be what strangers may see. Throws `TSGI_BAD_HOST` for a key that is no host name
 * or stands twice, `TSGI_NO_APP` for a value that is no app.
 */
export function hosts(app: App, hosts: Hosts): App {
  checkApp(app, "the fallback of hosts");
  const literals = new Map<string, App>();
  const patterns: (HostPattern & { app: App })[] = [];
  for (const [key, hosted] of Object.entries(hosts)) {
    checkApp(hosted, `the host ${key}`);
    if (/:\d*$/.test(key)) throw badHost(key, "ports are ignored");
    if (/[:*{]/.test(key) && !key.startsWith("[")) {
      const pattern = compile(key);
      if (patterns.some(({ identity }) => identity === pattern.identity)) throw badHost(key, "it stands twice");
      patterns.push({ ...pattern, app: hosted });
    } else {
      const name = literalName(key);
      if (literals.has(name)) throw badHost(key, "it stands twice");
      literals.set(name, hosted);
    }
  }

  return function hosts(environ, startResponse) {
    const name = hostName(environ.HTTP_HOST);
    if (name === "") return app(environ, startResponse);
    const literal = literals.get(name);
    if (literal !== undefined) return literal(environ, startResponse);
    for (const pattern of patterns) {
      const found = pattern.match(name);
      if (found === false) continue;
      return pattern.app({ ...environ, "tsgi.params": { ...environ["tsgi.params"], ...found.params } }, startResponse);
    }
    return app(environ, startResponse);
  };
}

const HOST = /^(?<name>[a-z\d_-]+(?:\.[a-z\d_-]+)*|\[[\da-f:.]+\])\.?(?::\d*)?$/;

/** The name in a `Host` header: lower case, without port and trailing dot; `""` where there is none. */
function hostName(header: string | undefined): string {
  return HOST.exec(header?.toLowerCase() ?? "")?.groups?.name ?? "";
}

/** A key as browsers send it: lower case, and international names in their ASCII form. */
function literalName(key: string): string {
  try {
    const { host } = new URL(`http://${key.replace(/\.$/, "")}`);
    // `URL` forgives a lot, and finds a host in `//a.example?` as well.
    if (!/[\s/\\?#@]/.test(key) && hostName(host) === host) return host;
  } catch {
    // Reported below.
  }
  throw badHost(key, "it is no host name");
}

interface HostPattern {
  readonly match: MatchFunction<Record<string, string | string[]>>;
  /** Equal for keys that match the same hosts under the same names. */
  readonly identity: string;
}

function compile(key: string): HostPattern {
  const labels = key.replace(/\.$/, "").split(".").map(asciiLabel);
  const encodePath = (text: string): string => {
    if (!/^[\w.-]*$/.test(text)) throw badHost(key, "it is no host name");
    return text.toLowerCase();
  };
  try {
    const data = parse(labels.join("."), { encodePath });
    return {
      match: match(data, { delimiter: ".", trailing: false, decode: (label) => label }),
      identity: JSON.stringify(data.tokens),
    };
  } catch (cause) {
    throw cause instanceof TsgiError ? cause : badHost(key, (cause as Error).message);
  }
}

/** A label beyond ASCII as browsers send it; one with a parameter has no such form. */
function asciiLabel(label: string): string {
  return /[:*{}]/.test(label) || /^[\w-]*$/.test(label) ? label : literalName(label);
}

function badHost(key: string, problem: string): TsgiError {
  return new TsgiError("TSGI_BAD_HOST", `${JSON.stringify(key)} cannot be a host: ${problem}`, {
    hint: 'Write "api.example.com", or ":tenant.example.com" for any label in that place.',
  });
}
