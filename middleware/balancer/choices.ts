/** Which of several targets gets a request. Those without room are left out only when one of them was chosen. */

import { hash, type Peer } from "./peer.ts";

/** Chooses one of at least one targets. */
export type Choice = (peers: readonly Peer[], now: number) => Peer;

/** Two at random, of which the one that is expected to be faster is taken. */
export function byLatency(peers: readonly Peer[], now: number): Peer {
  const { length } = peers;
  const first = Math.floor(Math.random() * length);
  const one = peers[first] as Peer;
  if (length === 1) return one;
  const other = peers[(first + 1 + Math.floor(Math.random() * (length - 1))) % length] as Peer;
  return other.cost(now) < one.cost(now) ? other : one;
}

/** The one with the fewest requests for its weight; one of them at random. */
export function leastInFlight(peers: readonly Peer[], now: number): Peer {
  const start = Math.floor(Math.random() * peers.length);
  let best = peers[start] as Peer;
  let least = Number.POSITIVE_INFINITY;
  for (let index = 0; index < peers.length; index++) {
    const peer = peers[(start + index) % peers.length] as Peer;
    const load = (peer.pool.busy + 1) / peer.weightAt(now);
    if (load < least) {
      least = load;
      best = peer;
    }
  }
  return best;
}

/** In turn, by weight, evenly spread: 5, 1 and 1 are a a b a c a a. */
export function roundRobin(peers: readonly Peer[], now: number): Peer {
  let best = peers[0] as Peer;
  let total = 0;
  for (const peer of peers) {
    const weight = peer.weightAt(now);
    peer.turn += weight;
    total += weight;
    if (peer.turn > best.turn) best = peer;
  }
  best.turn -= total;
  return best;
}

/** The same one for the same key. A target that goes or comes moves its own keys alone (rendezvous hashing). */
export function byKey(key: string): Choice {
  const hashed = hash(key);
  return (peers) => {
    const [{ weight }] = peers as [Peer];
    return peers.every((peer) => peer.weight === weight) ? highest(peers, hashed) : heaviest(peers, hashed);
  };
}

/** The one whose mix with the key is the highest. */
function highest(peers: readonly Peer[], hashed: number): Peer {
  let best = peers[0] as Peer;
  let most = -1;
  for (const peer of peers) {
    const score = mix(hashed ^ peer.seed);
    if (score > most) {
      most = score;
      best = peer;
    }
  }
  return best;
}

/** The same, with each winning by its weight. */
function heaviest(peers: readonly Peer[], hashed: number): Peer {
  let best = peers[0] as Peer;
  let most = Number.NEGATIVE_INFINITY;
  for (const peer of peers) {
    const score = peer.weight / -Math.log((mix(hashed ^ peer.seed) + 0.5) / 2 ** 32);
    if (score > most) {
      most = score;
      best = peer;
    }
  }
  return best;
}

/** The end of MurmurHash3: each bit of the result depends on each of the value. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
