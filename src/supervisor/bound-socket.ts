/** Sockets that are bound and do not listen: `net.BoundSocket`, which Node has from 24.21 on. */

import { lookup } from "node:dns/promises";
import * as net from "node:net";

/** What `net.BoundSocket` makes, as far as it is used here. */
export interface BoundSocket {
  /** Where it is bound. */
  address(): net.AddressInfo | string;
  /** Its descriptor. */
  fd(): number;
  close(): void;
}

/** Where a socket is bound. */
export type BindOptions = { host: string; port: number; reusePort?: boolean } | { path: string };

const { BoundSocket } = net as unknown as { BoundSocket?: new (options: BindOptions) => BoundSocket };

/** Whether this Node can bind without listening, and this system has several sockets for one port. */
export const canBind: boolean =
  BoundSocket !== undefined && "isPipe" in BoundSocket.prototype && process.platform === "linux";

/** bindSocket binds a socket. Throws what Node throws. */
export function bindSocket(options: BindOptions): BoundSocket {
  if (BoundSocket === undefined) throw new Error(`Node ${process.versions.node} has no net.BoundSocket`);
  return new BoundSocket(options);
}

/** The address of a host, which Node looks up only where it listens. */
export async function addressOfHost(host: string): Promise<string> {
  return net.isIP(host) === 0 ? (await lookup(host)).address : host;
}
