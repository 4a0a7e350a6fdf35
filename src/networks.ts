/** Lists of networks: `"10.0.0.0/8"`, `"fd00::/8"`, `"192.0.2.7"`. */

import { BlockList, isIP } from "node:net";
import { TsgiError } from "../errors.ts";
import { plainAddress } from "../exchange/environ.ts";

/** Tells whether an address lies in a list of networks. */
export type HasAddress = (address: string) => boolean;

/** networksOf reads a list of networks; `owner` is what error messages call it. Throws `TSGI_BAD_OPTION`. */
export function networksOf(owner: string, networks: readonly string[]): HasAddress {
  const list = new BlockList();
  for (const network of networks) add(list, owner, network);
  return (address) => {
    const plain = plainAddress(address);
    const version = isIP(plain);
    return version !== 0 && list.check(plain, familyOf(version));
  };
}

function add(list: BlockList, owner: string, network: string): void {
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
