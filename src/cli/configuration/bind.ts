/** Places to listen on, as `--bind` takes them: `host:port`, `:port`, `[::1]:port`, `unix:path?mode=660`, `fd:3`, `fd:name`. */

import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import type { ListenOptions } from "../../server/serve.ts";
import { type Activated, FIRST_ACTIVATED } from "../systemd/activation.ts";

const LARGEST_PORT = 65_535;

/** A name that systemd has for a socket. */
const NAMED = /^fd:([A-Za-z_][\w.@-]*)$/;

/** isBind tells whether a text is a place. */
export function isBind(text: string): boolean {
  return NAMED.test(text) || parseBind(text) !== undefined;
}

/** activatedPlaces gives those sockets that systemd has opened and that a place names; undefined for a place without a name. */
export function activatedPlaces(text: string, activated: Activated): ListenOptions[] | undefined {
  const name = NAMED.exec(text)?.[1];
  if (name === undefined) return undefined;
  return [...activated.keys()]
    .filter((index) => activated[index] === name)
    .map((index) => ({ fd: FIRST_ACTIVATED + index }));
}

/** parseBind reads one place; undefined for a text that is not one, and for the name of a socket. */
export function parseBind(text: string): ListenOptions | undefined {
  if (text.startsWith("unix:")) return parseUnix(text.slice(5));
  const fd = /^fd:(\d{1,9})$/.exec(text)?.[1];
  if (fd !== undefined) return { fd: Number(fd) };
  const [, host = "", digits] = /^(\[[^\]]*\]|[\w.-]*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > LARGEST_PORT) return undefined;
  if (!host.startsWith("[")) return { host: host || everyInterface(), port };
  const address = host.slice(1, -1);
  return isIPv6(address) ? { host: address, port } : undefined;
}

/** moveBind makes the path of a Unix socket relative to another folder by `move`; other places stay as they are. */
export function moveBind(text: string, move: (path: string) => string): string {
  const [, path, query = ""] = /^unix:([^?]+)(.*)$/s.exec(text) ?? [];
  return path === undefined ? text : `unix:${move(path)}${query}`;
}

function parseUnix(text: string): ListenOptions | undefined {
  const [, unix, mode] = /^([^?]+)(?:\?mode=0?([0-7]{3}))?$/.exec(text) ?? [];
  if (unix === undefined) return undefined;
  return mode === undefined ? { unix } : { unix, mode: Number.parseInt(mode, 8) };
}

/** A socket of IPv6 takes connections of IPv4 too; a container may have no IPv6. */
function everyInterface(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each = []) => each);
  return addresses.some(({ family }) => family === "IPv6") ? "::" : "0.0.0.0";
}
