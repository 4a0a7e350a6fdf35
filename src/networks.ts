/** Addresses and lists of networks: `"10.0.0.0/8"`, `"fd00::/8"`, `"192.0.2.7"`. */

import { BlockList, isIP, SocketAddress } from "node:net";
import { TsgiError } from "./errors.ts";
import { type Peer, plainAddress } from "./exchange/environ.ts";

/** Tells whether an address lies in a list of networks. */
export type HasAddress = (address: string) => boolean;

/** networksOf reads a list of networks; `owner` is what error messages call it. Throws `TSGI_BAD_OPTION`. */
export function networksOf(owner: string, networks: readonly string[]): HasAddress {
  const list = new BlockList();
  for (const network of networks) addNetwork(list, owner, network);
  return (address) => {
    const plain = plainAddress(address);
    const version = isIP(plain);
    return version !== 0 && list.check(plain, familyOf(version));
  };
}

function addNetwork(list: BlockList, owner: string, network: string): void {
  const [, address = "", prefix] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(network) ?? [];
  const version = isIP(address);
  const bits = version === 6 ? 128 : 32;
  const length = prefix === undefined ? bits : Number(prefix);
  if (version === 0 || length > bits) {
    throw new TsgiError("TSGI_BAD_OPTION", `${JSON.stringify(network)} of ${owner} is not a network`, {
      hint: 'Give addresses or networks: "192.0.2.7", "10.0.0.0/8", "fd00::/8".',
    });
  }
  list.addSubnet(address, length, familyOf(version));
}

function familyOf(version: number): "ipv4" | "ipv6" {
  return version === 6 ? "ipv6" : "ipv4";
}

/** An address, and a port or an obfuscated one (RFC 7239 §6.3). One of IPv6 without brackets has no port. */
const NODE = /^(?:\[([\da-f:.]+)\](?::(\d{1,5}|_[\w.-]+))?|([\d.]+)(?::(\d{1,5}|_[\w.-]+))?|([\da-f:.]+))$/i;

/**
 * peerAt reads an address as proxies write it, with or without a port: `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. It
 * gives the address in its usual form (RFC 5952). Undefined for anything else, such as `unknown`.
 */
export function peerAt(text: string): Peer | undefined {
  const [, bracketed, port6, plain, port4, bare] = NODE.exec(text) ?? [];
  const written = bracketed ?? plain ?? bare ?? "";
  const version = isIP(written);
  if (version === 0 || (version === 4) !== (plain !== undefined)) return undefined;
  const port = port6 ?? port4 ?? "";
  const address = version === 4 ? written : new SocketAddress({ address: written, family: "ipv6" }).address;
  return { address: plainAddress(address), port: /^\d/.test(port) ? port : "" };
}
