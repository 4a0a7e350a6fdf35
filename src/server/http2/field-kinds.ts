/** What the names of header lines mean to a server of HTTP/2 (RFC 9113 §8.2, §8.3). */

import { BoundedMap } from "../../bounded-map.ts";

/** A field like any other. */
export const FIELD = 0;
/** What makes a request malformed: it is not a name in lower case, or belongs to a connection of HTTP/1.1. */
export const FORBIDDEN = 1;
export const METHOD = 2;
export const PATH = 3;
export const SCHEME = 4;
export const AUTHORITY = 5;
export const PROTOCOL = 6;
export const HOST = 7;
export const EXPECT = 8;
export const CONTENT_LENGTH = 9;
export const TE = 10;

const KINDS: Readonly<Record<string, number>> = {
  ":method": METHOD,
  ":path": PATH,
  ":scheme": SCHEME,
  ":authority": AUTHORITY,
  ":protocol": PROTOCOL,
  host: HOST,
  expect: EXPECT,
  "content-length": CONTENT_LENGTH,
  te: TE,
  connection: FORBIDDEN,
  "keep-alive": FORBIDDEN,
  "proxy-connection": FORBIDDEN,
  "transfer-encoding": FORBIDDEN,
  upgrade: FORBIDDEN,
};

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Longer names, which clients may make up, are not remembered. */
const LONGEST_KNOWN = 100;

const kinds = new BoundedMap<string, number>(1000);

/** kindOf tells what a name means. */
export function kindOf(name: string): number {
  const known = kinds.get(name);
  if (known !== undefined) return known;
  const special = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
  const kind = special ?? (NAME.test(name) ? FIELD : FORBIDDEN);
  if (name.length <= LONGEST_KNOWN) kinds.set(name, kind);
  return kind;
}

/** isPseudo tells whether a kind is that of a pseudo-header. */
export function isPseudo(kind: number): boolean {
  return kind >= METHOD && kind <= PROTOCOL;
}
