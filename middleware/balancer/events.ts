/** What a balancer tells when something becomes of its targets. */

import { callOut } from "../../src/promise.ts";
import type { Peer, PeerEvent } from "./peer.ts";

/**
 * What has happened: a target was `added` to the list or `removed` from it, `ejected` for its failures or `readmitted`, its probes
 * say that it is `down` or `up` again; or the source of the list has failed.
 */
export type BalancerEvent =
  | { readonly type: PeerEvent; readonly url: string; readonly address: string | undefined }
  | { readonly type: "sourceFailed"; readonly error: unknown };

/** Calls a function with each event, in a later turn: it may change the list. */
export class Events {
  readonly #listener: ((event: BalancerEvent) => unknown) | undefined;

  constructor(listener: ((event: BalancerEvent) => unknown) | undefined) {
    this.#listener = listener;
  }

  ofPeer(type: PeerEvent, { target }: Peer): void {
    if (this.#listener === undefined) return;
    const address = target.address === target.hostname ? undefined : target.address;
    this.tell({ type, url: target.url, address });
  }

  tell(event: BalancerEvent): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    queueMicrotask(() =>
      callOut(
        () => listener(event),
        // There is no request that it could be reported of.
        (error) => process.emitWarning(error instanceof Error ? error : String(error)),
      ),
    );
  }
}
