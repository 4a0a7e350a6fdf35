/** The targets of a balancer, and which of them may get a request. */

import { isIP } from "node:net";
import { BoundedMap } from "../../src/bounded-map.ts";
import { TsgiError } from "../../src/errors.ts";
import { type BalancerTarget, keyOf, type PastOfPeer, Peer, type PeerSettings } from "./peer.ts";
import { Probe } from "./probe.ts";

export class Peers {
  readonly #settings: PeerSettings;
  readonly #share: number;
  readonly #onRoom: () => void;
  /** Those that may get requests, unless they are ejected. */
  #all: Peer[] = [];
  /** Those that are still needed by requests under way. */
  readonly #leaving = new Set<Peer>();
  /** What is known of those that have left: a list that changes may have them again. */
  readonly #past = new BoundedMap<string, PastOfPeer>(500);
  /** The URLs of those that were drained, as long as the source of the list still has them. */
  #drained: ReadonlySet<string> = new Set();
  /** By the cookies of their clients. */
  #byToken: ReadonlyMap<string, Peer> = new Map();
  #eligible: readonly Peer[] = [];
  #trials: readonly Peer[] = [];
  /** Until when the two lists above are right. */
  #validUntil = Number.NEGATIVE_INFINITY;

  /** `onRoom` is called when a target has room, or one has come. */
  constructor(settings: PeerSettings, onRoom: () => void) {
    this.#settings = settings;
    this.#share = settings.ejection.share / 100;
    this.#onRoom = onRoom;
  }

  /** Those that are not draining. */
  get all(): readonly Peer[] {
    return this.#all;
  }

  get leaving(): Iterable<Peer> {
    return this.#leaving;
  }

  /**
   * Takes another list of targets. Those that stay keep their connections, and what is known of them; those that go finish what
   * is under way. Throws `TSGI_BAD_TARGET`, and nothing has changed then.
   */
  update(targets: readonly (string | BalancerTarget)[], now: number): void {
    if (!Array.isArray(targets)) throw badTarget("balancer has no list of targets");
    this.#replace(targets.map(entryOf), now);
    this.#drained = new Set();
  }

  /** The same with a list of a source, which does not know what was drained here. */
  follow(targets: readonly (string | BalancerTarget)[], now: number): void {
    if (!Array.isArray(targets)) throw badTarget("the source of balancer gave something else than a list");
    const entries = targets.map(entryOf);
    this.#replace(
      entries.filter(({ url }) => !this.#drained.has(url)),
      now,
    );
    this.#drained = new Set(entries.map(({ url }) => url).filter((url) => this.#drained.has(url)));
  }

  #replace(entries: readonly BalancerTarget[], now: number): void {
    const known = new Map(this.#all.map((peer) => [peer.key, peer]));
    const made = new Map<string, Peer>();
    for (const entry of entries) {
      const { url, weight, backup, address } = entry;
      const key = keyOf(entry);
      if (made.has(key)) throw badTarget(`${JSON.stringify(key)} is twice among the targets of balancer`);
      if (address !== undefined && isIP(address) === 0)
        throw badTarget(`the address of ${JSON.stringify(url)} is ${JSON.stringify(address)}`);
      const old = known.get(key);
      const stays = old !== undefined && old.isBackup === (backup ?? false);
      made.set(key, stays ? old : new Peer(entry, this.#settings, now, this.#past.get(key)));
      if (weight !== undefined && !(Number.isFinite(weight) && weight >= 0))
        throw badTarget(`the weight of ${JSON.stringify(url)} is not a number from 0`);
    }
    const before = this.#all;
    const median = this.#median(now);
    this.#all = [...made.values()];
    for (const entry of entries) (made.get(keyOf(entry)) as Peer).weight = entry.weight ?? 1;
    for (const peer of this.#all) {
      if (before.includes(peer)) continue;
      peer.pool.onRoom = () => this.#left(peer);
      const { probe, pool } = this.#settings;
      const past = this.#past.get(peer.key);
      if (probe !== undefined) {
        peer.probe = new Probe(peer.target, probe, pool, () => this.#probed(peer), past?.probe);
      }
      // All of the first ones are new.
      if (before.length > 0) peer.join(now, past === undefined ? median : peer.latency.at(now));
    }
    for (const peer of this.#all) if (!before.includes(peer)) this.#settings.onEvent("added", peer);
    for (const peer of before) if (!this.#all.includes(peer)) this.#remove(peer);
    this.#listChanged();
    this.#onRoom();
  }

  /** Sends nothing more to a target. Resolves when what is under way there is over. */
  drain(url: string, deadline?: number): Promise<void> {
    const isMeant = ({ target }: Peer): boolean => target.url === url;
    const peers = this.#all.filter(isMeant);
    const leaving = [...this.#leaving].filter(isMeant);
    if (peers.length + leaving.length === 0)
      return Promise.reject(badTarget(`${JSON.stringify(url)} is not a target of this balancer`));
    this.#all = this.#all.filter((peer) => !isMeant(peer));
    this.#drained = new Set([...this.#drained, url]);
    this.#listChanged();
    const drained = [
      ...peers.map((peer) => this.#remove(peer, deadline)),
      ...leaving.map((peer) => peer.drain(deadline)),
    ];
    return Promise.all(drained).then(() => {});
  }

  #listChanged(): void {
    this.#byToken = new Map(this.#all.flatMap((peer) => peer.tokens.map((token) => [token, peer] as const)));
    this.changed();
  }

  #remove(peer: Peer, deadline?: number): Promise<void> {
    this.#settings.onEvent("removed", peer);
    this.#past.set(peer.key, peer.past);
    if (peer.pool.busy > 0) this.#leaving.add(peer);
    return peer.drain(deadline);
  }

  #probed(peer: Peer): void {
    const now = performance.now();
    this.#settings.onEvent(peer.probe?.isUp ? "up" : "down", peer);
    if (peer.probe?.isUp && peer.ejection.standing(now) === "in") this.rejoin(peer, now);
    else this.changed();
  }

  #left(peer: Peer): void {
    peer.left();
    if (peer.pool.busy === 0) this.#leaving.delete(peer);
    this.#onRoom();
  }

  /** The one that a client is held to; undefined where it is gone, or the token is not one of ours. */
  heldBy(token: string): Peer | undefined {
    return this.#byToken.get(token);
  }

  /** What is known of a target has changed. */
  changed(): void {
    this.#validUntil = Number.NEGATIVE_INFINITY;
  }

  /**
   * Those that may get a request: of the backups only where no other may, and all where none may, as it is better to try than to
   * refuse.
   */
  eligible(now: number): readonly Peer[] {
    this.#look(now);
    return this.#eligible;
  }

  /** Those that were ejected, and may be tried again. */
  trials(now: number): readonly Peer[] {
    this.#look(now);
    return this.#trials;
  }

  #look(now: number): void {
    if (now < this.#validUntil) return;
    const weighty = this.#all.filter(({ weight }) => weight > 0);
    const main = weighty.filter(({ isBackup }) => !isBackup);
    const isIn = (peer: Peer): boolean => peer.isWell(now);
    const healthy = main.filter(isIn);
    const backups = healthy.length > 0 ? healthy : weighty.filter((peer) => peer.isBackup && isIn(peer));
    this.#eligible = backups.length > 0 ? backups : main.length > 0 ? main : weighty;
    this.#trials = weighty.filter(
      (peer) => peer.ejection.standing(now) === "trial" && peer.probe?.isUp !== false && !this.#eligible.includes(peer),
    );
    this.#validUntil = Math.min(
      ...weighty.map(({ ejection }) => (ejection.until > now ? ejection.until : Number.POSITIVE_INFINITY)),
    );
  }

  /** Whether the others can do without a target. */
  mayLeave(peer: Peer, now: number): boolean {
    const others = this.#all.filter((each) => each !== peer && each.weight > 0 && each.isWell(now));
    if (others.length === 0) return false;
    if (!peer.isBackup && others.some(({ isBackup }) => isBackup)) return true;
    const tier = this.#all.filter(({ isBackup, weight }) => isBackup === peer.isBackup && weight > 0);
    const out = tier.filter((each) => !each.isWell(now)).length;
    return out + 1 <= Math.ceil(tier.length * this.#share);
  }

  /** A target is in again. */
  rejoin(peer: Peer, now: number): void {
    peer.join(now, this.#median(now, peer));
    this.changed();
    this.#onRoom();
  }

  /** What the others take. */
  #median(now: number, but?: Peer): number {
    const values = this.#all.filter((peer) => peer !== but).map(({ latency }) => latency.at(now));
    return values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
  }

  close(deadline?: number): Promise<unknown> {
    const all = this.#all;
    this.#all = [];
    this.#listChanged();
    return Promise.all([
      ...all.map((peer) => this.#remove(peer, deadline)),
      ...[...this.#leaving].map((peer) => peer.drain(deadline)),
    ]);
  }
}

function entryOf(target: string | BalancerTarget): BalancerTarget {
  return typeof target === "object" && target !== null ? target : { url: target };
}

function badTarget(message: string): TsgiError {
  return new TsgiError("TSGI_BAD_TARGET", message, {
    hint: 'Give each target once: "http://10.0.0.7:3000", or { url, weight, backup }.',
  });
}
