/** Targets by their names in the DNS: each address is one. */

import { promises as dns } from "node:dns";
import { isIP } from "node:net";
import { memberOf, TsgiError } from "../../src/errors.ts";
import { checkOptions, count, type Kinds, OBJECT } from "../../src/options.ts";
import { targetOf } from "../proxy/target.ts";
import { type BalancerTarget, keyOf } from "./peer.ts";
import type { BalancerTargets } from "./source.ts";

/** What looks names up: a `Resolver` of `node:dns/promises`, or anything that does what it does. */
export interface DnsResolver {
  resolve4(hostname: string, options: { ttl: true }): Promise<readonly DnsAddress[]>;
  resolve6(hostname: string, options: { ttl: true }): Promise<readonly DnsAddress[]>;
  resolveSrv(hostname: string): Promise<readonly DnsService[]>;
}

/** An address, and for how many seconds it may be remembered. */
export interface DnsAddress {
  readonly address: string;
  readonly ttl: number;
}

/** A record of a service (RFC 2782). */
export interface DnsService {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** How names are looked up. Durations are milliseconds. */
export interface DnsTargetsOptions {
  /** What looks them up. Default: the name servers of the system; for a name without a dot, all that the system knows. */
  resolver?: DnsResolver | undefined;
  /** After which time they are looked up again at the earliest, whatever the records say. Default 5000. */
  shortest?: number | undefined;
  /** After which time at the latest. Default 60 000. */
  longest?: number | undefined;
}

const KINDS: Kinds<DnsTargetsOptions> = {
  resolver: OBJECT,
  shortest: count(1, 2 ** 31 - 1),
  longest: count(1, 2 ** 31 - 1),
};

/**
 * dnsTargets gives a balancer the servers behind a name, and asks again when their records expire:
 *
 * ```ts
 * export const app = balancer(dnsTargets("http://api.internal:3000"));
 * ```
 *
 * Each A and AAAA record is a target, which has the name of the URL in `Host` and in TLS. A name like
 * `http://_http._tcp.api.internal` is one of a service: its SRV records have the names and ports, `weight`, and by their priority
 * those that are backups; a weight of 0 counts as 1. As Node does not tell how long SRV records hold, they are looked up with the
 * addresses of their names. A name that cannot be looked up, or has no records any more, leaves the last list as it is.
 *
 * Throws `TSGI_BAD_TARGET`, `TSGI_BAD_OPTION`.
 */
export function dnsTargets(url: string, options: DnsTargetsOptions = {}): AsyncIterable<BalancerTargets> {
  checkOptions("dnsTargets", options, KINDS);
  const { hostname, socketPath } = targetOf(url, "dnsTargets");
  if (socketPath !== undefined) {
    throw new TsgiError("TSGI_BAD_TARGET", `${JSON.stringify(url)} has no host name`, {
      hint: "Give the path of a Unix socket to balancer itself.",
    });
  }
  const { shortest = 5000, longest = 60_000 } = options;
  const resolver = options.resolver ?? systemResolver(hostname, shortest);
  return { [Symbol.asyncIterator]: () => new DnsIterator(new Names(url, hostname, resolver), shortest, longest) };
}

/** How long a name server has to answer, in milliseconds, and how often it is asked. */
const PATIENCE = { timeout: 2000, tries: 2 };

/** A name without a dot is none of the DNS: the system may know it otherwise, as containers know each other. */
function systemResolver(hostname: string, shortest: number): DnsResolver {
  const resolver = new dns.Resolver(PATIENCE);
  if (hostname.includes(".")) return resolver;
  const ttl = shortest / 1000;
  const lookup = async (family: 4 | 6): Promise<DnsAddress[]> =>
    (await dns.lookup(hostname, { all: true, family })).map(({ address }) => ({ address, ttl }));
  return {
    resolve4: () => lookup(4),
    resolve6: () => lookup(6),
    resolveSrv: (name) => resolver.resolveSrv(name),
  };
}

/** Gives the list at once, and then each time that it is due. */
class DnsIterator implements AsyncIterator<BalancerTargets> {
  readonly #names: Names;
  readonly #shortest: number;
  readonly #longest: number;
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  #wake: () => void = () => {};
  #isStopped = false;

  constructor(names: Names, shortest: number, longest: number) {
    this.#names = names;
    this.#shortest = shortest;
    this.#longest = Math.max(shortest, longest);
  }

  /** Rejects where nothing was found; it may be asked again then. */
  async next(): Promise<IteratorResult<BalancerTargets>> {
    const wait = this.#due - performance.now();
    if (wait > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#timer = setTimeout(resolve, wait).unref();
      });
    }
    if (this.#isStopped) return { done: true, value: undefined };
    const { targets, ttl } = await this.#names.lookUp();
    this.#due = performance.now() + Math.min(this.#longest, Math.max(this.#shortest, ttl * 1000));
    return { done: false, value: targets };
  }

  async return(): Promise<IteratorResult<BalancerTargets>> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#wake();
    return { done: true, value: undefined };
  }
}

interface Found {
  readonly targets: readonly BalancerTarget[];
  /** In seconds. */
  readonly ttl: number;
}

/** Errors that say that there are no such records; all others, that it is not known. */
const NONE: ReadonlySet<string> = new Set(["ENODATA", "ENOTFOUND"]);

/** The names behind one URL, with what is known of them. */
class Names {
  readonly #url: string;
  readonly #hostname: string;
  readonly #resolver: DnsResolver;
  /** By name and family: what was found last, for the time in which a server does not answer. */
  #last = new Map<string, readonly DnsAddress[]>();

  constructor(url: string, hostname: string, resolver: DnsResolver) {
    this.#url = url;
    this.#hostname = hostname;
    this.#resolver = resolver;
  }

  async lookUp(): Promise<Found> {
    if (isIP(this.#hostname) !== 0) return { targets: [{ url: this.#url }], ttl: Number.POSITIVE_INFINITY };
    const known = new Map<string, readonly DnsAddress[]>();
    const found = this.#hostname.startsWith("_")
      ? await this.#services(known)
      : await this.#addresses(this.#hostname, known).then((addresses) => targetsAt(addresses, { url: this.#url }));
    this.#last = known;
    return found;
  }

  async #services(known: Map<string, readonly DnsAddress[]>): Promise<Found> {
    const services = await this.#resolver.resolveSrv(this.#hostname);
    const first = Math.min(...services.map(({ priority }) => priority));
    const found = await Promise.allSettled(
      services.map(async ({ name, port, priority, weight }) => {
        const url = new URL(this.#url);
        url.hostname = name;
        url.port = String(port);
        const addresses = await this.#addresses(name, known);
        const share = Math.max(1, weight) / addresses.length;
        return targetsAt(addresses, { url: plain(url), weight: share, backup: priority > first });
      }),
    );
    // One whose name is gone does not take the others with it.
    const there = found.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    if (there.length === 0) {
      const failed = found.find((each) => each.status === "rejected");
      throw failed?.reason ?? new Error(`${this.#hostname} has no services`);
    }
    const targets = there.flatMap((each) => each.targets);
    return {
      targets: [...new Map(targets.map((target) => [keyOf(target), target])).values()],
      ttl: Math.min(...there.map(({ ttl }) => ttl)),
    };
  }

  /** All addresses of a name. Rejects where there are none, or nothing is known. */
  async #addresses(name: string, known: Map<string, readonly DnsAddress[]>): Promise<readonly DnsAddress[]> {
    const [four, six] = await Promise.all([
      this.#family(`4 ${name}`, () => this.#resolver.resolve4(name, { ttl: true })),
      this.#family(`6 ${name}`, () => this.#resolver.resolve6(name, { ttl: true })),
    ]);
    if (four.addresses.length + six.addresses.length === 0)
      throw four.error ?? six.error ?? new Error(`${name} has no addresses`);
    known.set(`4 ${name}`, four.addresses).set(`6 ${name}`, six.addresses);
    return [...four.addresses, ...six.addresses];
  }

  async #family(
    key: string,
    resolve: () => Promise<readonly DnsAddress[]>,
  ): Promise<{ readonly addresses: readonly DnsAddress[]; readonly error?: unknown }> {
    try {
      return { addresses: await resolve() };
    } catch (error) {
      const last = NONE.has(memberOf(error, "code")) ? [] : (this.#last.get(key) ?? []);
      return { addresses: last.map(({ address }) => ({ address, ttl: 0 })), error };
    }
  }
}

function targetsAt(addresses: readonly DnsAddress[], entry: BalancerTarget): Found {
  const unique = [...new Set(addresses.map(({ address }) => address))];
  return {
    targets: unique.map((address) => ({ ...entry, address })),
    ttl: Math.min(...addresses.map(({ ttl }) => ttl)),
  };
}

/** The URL of an origin as people write it. */
function plain({ origin, pathname, search }: URL): string {
  return pathname === "/" && search === "" ? origin : `${origin}${pathname}${search}`;
}
