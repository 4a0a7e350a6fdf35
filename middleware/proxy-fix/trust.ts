/** Which proxies are believed, and how far back along the way of a request. */

import { BoundedMap } from "../../src/bounded-map.ts";
import type { Peer } from "../../src/exchange/environ.ts";
import { type HasAddress, networksOf, peerAt } from "../../src/networks.ts";

/** How many peers' verdicts are remembered. */
const MOST_PEERS = 1000;

/** A request as far as its proxies can be believed. */
export interface Way {
  /** From where the outermost of these proxies was connected to; undefined where that is not known. */
  readonly client: Peer | undefined;
  /** How many proxies these are, counted by what each has added; 0 where none of them is believed. */
  readonly proxies: number;
}

/** Decides whom to believe. */
export interface Trust {
  /** Whether the peer of a connection is a proxy. The verdict holds for all of its connections. */
  believes(peer: string): boolean;
  /**
   * Follows a request back from a peer that is believed. `nodes` is from where each proxy says that it was connected to, the last
   * proxy last; undefined where that is not asked for.
   */
  follow(nodes: readonly (string | undefined)[] | undefined): Way;
}

/** Believes as many proxies as stand before the app, whoever they are. */
export function trustInCount(count: number): Trust {
  return {
    believes: () => true,
    follow(nodes) {
      if (nodes === undefined) return { client: undefined, proxies: count };
      // It has not come through all of them: nobody knows who says what.
      if (nodes.length < count) return { client: undefined, proxies: 0 };
      return { client: peerAt(nodes[nodes.length - count] ?? ""), proxies: count };
    },
  };
}

/** The name of peers without an address: those of a Unix socket. */
const UNIX = "unix";

/** Believes proxies that connect from these networks. `owner` is what error messages call the list. Throws `TSGI_BAD_OPTION`. */
export function trustInNetworks(owner: string, networks: readonly string[]): Trust {
  const has: HasAddress = networksOf(
    owner,
    networks.filter((network) => network !== UNIX),
  );
  const believesUnix = networks.includes(UNIX);
  const verdicts = new BoundedMap<string, boolean>(MOST_PEERS);
  return {
    believes(peer) {
      if (peer === "") return believesUnix;
      const known = verdicts.get(peer);
      if (known !== undefined) return known;
      const verdict = has(peer);
      verdicts.set(peer, verdict);
      return verdict;
    },
    follow(nodes = []) {
      let client: Peer | undefined;
      let at = nodes.length;
      while (at > 0 && (client === undefined || has(client.address))) {
        at--;
        const next = peerAt(nodes[at] ?? "");
        // A proxy does not know who its client is, or does not say.
        if (next === undefined) break;
        client = next;
      }
      return { client, proxies: Math.max(1, nodes.length - at) };
    },
  };
}
