/**
 * The header of the PROXY protocol, versions 1 and 2, with which a proxy tells from where it was connected to. Bytes only; the
 * rules are those of the specification (haproxy.org, proxy-protocol.txt, sections 2.1 and 2.2).
 */

import { isIPv4, isIPv6, SocketAddress } from "node:net";

/** The header of a connection. */
export interface ProxyHeader {
  /** How many bytes it has; after them, the connection speaks for itself. */
  readonly length: number;
  /** Where the proxy was connected from; undefined where the connection is the proxy's own, or of an unknown kind. */
  readonly source: Endpoint | undefined;
}

/** An address, IPv6 in its canonical form, and a port in decimal. */
export interface Endpoint {
  readonly address: string;
  readonly port: string;
}

/** The longest line of version 1, with its CRLF, and the longest header of version 2 that is taken. */
const LONGEST_LINE = 107;
const LONGEST_BINARY = 16 * 1024;

const LINE_START = Buffer.from("PROXY ");
const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
/** Signature, version and command, family and protocol, length. */
const FIXED = 16;

/**
 * parseProxyHeader reads the header at the start of a connection: `"more"` where its end has not come, `"malformed"` as soon as
 * the bytes cannot be one.
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader | "more" | "malformed" {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (agrees(buffer, SIGNATURE)) return parseBinary(buffer);
  return agrees(buffer, LINE_START) ? parseLine(buffer) : "malformed";
}

/** Whether bytes start as expected, for all that has come. */
function agrees(bytes: Buffer, expected: Buffer): boolean {
  const length = Math.min(bytes.length, expected.length);
  return bytes.compare(expected, 0, length, 0, length) === 0;
}

/** Of an unknown kind, everything up to the end of the line is ignored. */
const LINE =
  /^PROXY (?:UNKNOWN(?: .*)?|TCP(?<version>[46]) (?<source>\S+) (?<target>\S+) (?<port>\d+) (?<targetPort>\d+))$/s;

function parseLine(bytes: Buffer): ProxyHeader | "more" | "malformed" {
  const text = bytes.toString("latin1", 0, LONGEST_LINE);
  const end = text.indexOf("\r\n");
  if (end === -1) return text.length < LONGEST_LINE ? "more" : "malformed";
  const groups = LINE.exec(text.slice(0, end));
  if (groups === null) return "malformed";
  const length = end + 2;
  const { version, source = "", target = "", port = "", targetPort = "" } = groups.groups ?? {};
  if (version === undefined) return { length, source: undefined };
  const isAddress = version === "4" ? isIPv4 : isPlainIPv6;
  if (!isAddress(source) || !isAddress(target) || !isPort(port) || !isPort(targetPort)) return "malformed";
  return { length, source: { address: version === "4" ? source : canonicalIPv6(source), port } };
}

/** Without the zone of a link-local address, which means nothing on another machine. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}

/** One address has one text, or a list of addresses would miss some. */
function canonicalIPv6(address: string): string {
  return new SocketAddress({ address, family: "ipv6" }).address;
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

/** How long the addresses of each family are. */
const ADDRESSES: Readonly<Record<number, number>> = { 0: 0, 1: 12, 2: 36, 3: 216 };

function parseBinary(bytes: Buffer): ProxyHeader | "more" | "malformed" {
  const version = bytes[12];
  const kind = bytes[13];
  if (version !== undefined && version !== 0x20 && version !== 0x21) return "malformed";
  if (bytes.length < FIXED) return "more";
  const length = FIXED + bytes.readUInt16BE(14);
  if (length > LONGEST_BINARY) return "malformed";
  // The family of a connection that is the proxy's own is to be ignored.
  if (version === 0x21 && !isKind(kind as number)) return "malformed";
  if (bytes.length < length) return "more";
  if (version === 0x20 || kind === 0) return { length, source: undefined };
  const family = (kind as number) >> 4;
  const addressesEnd = FIXED + (ADDRESSES[family] as number);
  if (length < addressesEnd || !areExtensions(bytes.subarray(addressesEnd, length))) return "malformed";
  // A datagram or the socket of a file is not where a stream of TCP comes from.
  return { length, source: (kind as number) % 16 === 1 ? endpointOf(bytes, family) : undefined };
}

/** All unspecified, or a family with a stream or a datagram; every other value is reserved. */
function isKind(kind: number): boolean {
  const [family, protocol] = [kind >> 4, kind % 16];
  return kind === 0 || (family >= 1 && family <= 3 && (protocol === 1 || protocol === 2));
}

/** The rest of a header is records of a type, a length and as many bytes, which say more about the connection. */
function areExtensions(bytes: Buffer): boolean {
  let at = 0;
  while (at + 3 <= bytes.length) at += 3 + bytes.readUInt16BE(at + 1);
  return at === bytes.length;
}

function endpointOf(bytes: Buffer, family: number): Endpoint | undefined {
  if (family === 1) {
    return { address: bytes.subarray(16, 20).join("."), port: String(bytes.readUInt16BE(24)) };
  }
  if (family !== 2) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(16 + 2 * index).toString(16));
  return { address: canonicalIPv6(groups.join(":")), port: String(bytes.readUInt16BE(48)) };
}
