/** Where a server can be reached. */

import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

const EVERY_INTERFACE = /\/\/(0\.0\.0\.0|\[::\])(?=:\d+$)/;
/** An address that needs the name of an interface beside it (RFC 4291 §2.5.6), which URLs have no place for. */
const LINK_LOCAL = /^fe[89ab]/i;

/**
 * The URLs of a server that a person can open: the one on this machine, then, where it listens on every interface, those
 * that others on the network use.
 */
export function addressesOf(
  url: string,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): [local: string, ...network: string[]] {
  const bound = EVERY_INTERFACE.exec(url)?.[1];
  if (bound === undefined) return [url];
  const network = Object.values(interfaces)
    .flatMap((addresses = []) => addresses)
    .filter(({ internal, family }) => !internal && (family === "IPv4" || bound === "[::]"))
    .filter(({ address }) => !LINK_LOCAL.test(address))
    .map(({ address, family }) => (family === "IPv4" ? address : `[${address}]`));
  return [at("localhost"), ...network.map(at)];

  function at(host: string): string {
    return url.replace(EVERY_INTERFACE, `//${host}`);
  }
}

/** What the command says of where it serves: the URL that a person opens first, and the lines that tell of it. */
export function announcementOf(serving: string, urls: readonly string[]): { local: string; lines: string[] } {
  const [[local, ...network], ...others] = urls.map((url) => addressesOf(url)) as [[string, ...string[]]];
  const lines = [
    `serving ${serving} on ${local}`,
    ...network.map((address) => `on the network: ${address}`),
    ...others.flat().map((address) => `also on ${address}`),
  ];
  return { local, lines };
}
