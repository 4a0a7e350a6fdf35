import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ProxyHeader, parseProxyHeader } from "../../src/server/peer/proxy-protocol.ts";

function parse(bytes: string | Uint8Array): ReturnType<typeof parseProxyHeader> {
  return parseProxyHeader(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
}

const SIGNATURE = "0d0a0d0a000d0a515549540a";

/** A header of version 2, from hexadecimal; the length is that of the rest unless it is given. */
function binary(version: string, kind: string, rest = "", length = rest.replaceAll(" ", "").length / 2): Buffer {
  return Buffer.from(
    SIGNATURE + version + kind + length.toString(16).padStart(4, "0") + rest.replaceAll(" ", ""),
    "hex",
  );
}

const IPV4 = "c0000207 c6336401 d9f6 01bb";
const IPV6 = `20010db8${"00".repeat(11)}01 20010db8${"00".repeat(11)}02 d9f6 01bb`;
const UNIX = "2f746d702f73".padEnd(216, "0") + "2f746d702f74".padEnd(216, "0");
const source = { address: "192.0.2.7", port: "55798" };

const good: readonly [what: string, bytes: string | Uint8Array, source: ProxyHeader["source"]][] = [
  ["TCP over IPv4", "PROXY TCP4 192.0.2.7 198.51.100.1 55798 443\r\n", source],
  [
    "the largest of IPv4",
    "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
    { address: "255.255.255.255", port: "65535" },
  ],
  ["the smallest of IPv4", "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", { address: "0.0.0.0", port: "0" }],
  [
    "the largest of IPv6",
    `PROXY TCP6 ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`,
    { address: `${"ffff:".repeat(7)}ffff`, port: "65535" },
  ],
  ["IPv6 in short", "PROXY TCP6 2001:DB8::1 ::1 1 2\r\n", { address: "2001:db8::1", port: "1" }],
  ["IPv6 in full", "PROXY TCP6 2001:0db8:0:0:0:0:0:1 ::1 1 2\r\n", { address: "2001:db8::1", port: "1" }],
  ["an unknown kind", "PROXY UNKNOWN\r\n", undefined],
  [
    "an unknown kind with addresses, the longest line",
    `PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`,
    undefined,
  ],
  ["an unknown kind with anything", "PROXY UNKNOWN \n\0 GET / HTTP/1.1\r\n", undefined],
  ["version 2, TCP over IPv4", binary("21", "11", IPV4), source],
  ["version 2, TCP over IPv6", binary("21", "21", IPV6), { address: "2001:db8::1", port: "55798" }],
  [
    "version 2, IPv4 in IPv6",
    binary("21", "21", `${"00".repeat(10)}ffffc0000207${"00".repeat(16)}d9f601bb`),
    { address: "::ffff:192.0.2.7", port: "55798" },
  ],
  ["version 2, UDP", binary("21", "12", IPV4), undefined],
  ["version 2, UDP over IPv6", binary("21", "22", IPV6), undefined],
  ["version 2, a Unix socket", binary("21", "31", UNIX), undefined],
  ["version 2, a Unix socket of datagrams", binary("21", "32", UNIX), undefined],
  ["version 2, an unspecified kind", binary("21", "00"), undefined],
  ["version 2, an unspecified kind with anything", binary("21", "00", "ffff"), undefined],
  ["version 2, a connection of the proxy's own", binary("20", "00"), undefined],
  ["version 2, one with addresses", binary("20", "11", IPV4), undefined],
  ["version 2, one of a family that does not exist", binary("20", "f7", "ff"), undefined],
  ["version 2, extensions", binary("21", "11", `${IPV4} 02 0003 612e62 04 0000 20 0001 ff`), source],
  ["version 2, an extension of 16 KiB", binary("21", "11", `${IPV4} 04 3fe1${"00".repeat(16_353)}`), source],
];

for (const [what, bytes, expected] of good) {
  test(`proxy protocol: ${what}`, () => {
    const header = Buffer.from(bytes as string, "latin1");
    const after = Buffer.concat([header, Buffer.from("GET / HTTP/1.1\r\n")]);
    assert.deepEqual(parse(after), { length: header.length, source: expected });
    assert.deepEqual(parse(header), { length: header.length, source: expected });
    for (let end = 0; end < header.length; end += header.length > 1000 ? 97 : 1) {
      assert.equal(parse(after.subarray(0, end)), "more", `${end} bytes`);
    }
  });
}

const bad: readonly [what: string, bytes: string | Uint8Array][] = [
  ["a request", "GET / HTTP/1.1\r\n"],
  ["a first byte that is wrong", "X"],
  ["a handshake of TLS", Uint8Array.of(0x16, 0x03, 0x01)],
  ["small letters", "proxy TCP4 192.0.2.7 198.51.100.1 55798 443\r\n"],
  ["no space", "PROXY\r\n"],
  ["two spaces", "PROXY  TCP4 192.0.2.7 198.51.100.1 55798 443\r\n"],
  ["two spaces later", "PROXY TCP4 192.0.2.7  198.51.100.1 55798 443\r\n"],
  ["a space at the end", "PROXY TCP4 192.0.2.7 198.51.100.1 55798 443 \r\n"],
  ["a tab", "PROXY TCP4\t192.0.2.7 198.51.100.1 55798 443\r\n"],
  ["a kind that is not", "PROXY UDP4 192.0.2.7 198.51.100.1 55798 443\r\n"],
  ["a kind that goes on", "PROXY UNKNOWNS\r\n"],
  ["no kind", "PROXY \r\n"],
  ["no port", "PROXY TCP4 192.0.2.7 198.51.100.1 55798\r\n"],
  ["one word more", "PROXY TCP4 192.0.2.7 198.51.100.1 55798 443 1\r\n"],
  ["a port that is too large", "PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n"],
  ["a target's port that is too large", "PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n"],
  ["a port with a zero in front", "PROXY TCP4 192.0.2.7 198.51.100.1 080 443\r\n"],
  ["a negative port", "PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n"],
  ["an address with a zero in front", "PROXY TCP4 192.0.2.07 198.51.100.1 55798 443\r\n"],
  ["an address that is too large", "PROXY TCP4 192.0.2.256 198.51.100.1 55798 443\r\n"],
  ["a short address", "PROXY TCP4 192.0.2 198.51.100.1 55798 443\r\n"],
  ["a name", "PROXY TCP4 localhost 198.51.100.1 55798 443\r\n"],
  ["IPv6 as IPv4", "PROXY TCP4 ::1 ::1 55798 443\r\n"],
  ["IPv4 as IPv6", "PROXY TCP6 192.0.2.7 198.51.100.1 55798 443\r\n"],
  ["a target that is no address", "PROXY TCP4 192.0.2.7 x 55798 443\r\n"],
  ["an address with a zone", "PROXY TCP6 fe80::1%eth0 ::1 55798 443\r\n"],
  ["a line end of one character", "PROXY TCP4 192.0.2.7 198.51.100.1 55798 443\nGET / HTTP/1.1\r\n"],
  ["a header in the line", "PROXY TCP4 192.0.2.7 198.51.100.1 55798 443\nX: y\r\n"],
  ["a line of 108 bytes", `PROXY UNKNOWN ${"x".repeat(92)}\r\n`],
  ["a line without end", `PROXY UNKNOWN ${"x".repeat(93)}`],
  ["a line whose end is cut in two by the limit", `PROXY UNKNOWN ${"x".repeat(92)}\r`],
  ["a signature with a wrong last byte", Buffer.from(`${SIGNATURE.slice(0, -2)}0b`, "hex")],
  ["a signature with a wrong byte, cut short", Buffer.from("0d0a0d0b", "hex")],
  ["version 1 in binary", binary("11", "11", IPV4)],
  ["version 3", binary("31", "11", IPV4)],
  ["a command that is reserved", binary("22", "11", IPV4)],
  ["a command that is reserved, cut short", Buffer.from(`${SIGNATURE}2f`, "hex")],
  ["a family that is reserved", binary("21", "41", IPV4)],
  ["a protocol that is reserved", binary("21", "13", IPV4)],
  ["a family without a protocol", binary("21", "10", IPV4)],
  ["a protocol without a family", binary("21", "01", IPV4)],
  ["fewer bytes than IPv4 has", binary("21", "11", IPV4.slice(0, -2))],
  ["fewer bytes than IPv6 has", binary("21", "21", IPV4)],
  ["fewer bytes than a Unix socket has", binary("21", "31", UNIX.slice(2))],
  ["an extension that is too long", binary("21", "11", `${IPV4} 04 0002 00`)],
  ["half an extension", binary("21", "11", `${IPV4} 0400`)],
  ["more than 16 KiB", binary("21", "11", "", 16_384 - 15)],
];

for (const [what, bytes] of bad) {
  test(`proxy protocol: ${what} is malformed`, () => assert.equal(parse(bytes), "malformed"));
}

test("proxy protocol: what is malformed is so at the first wrong byte", () => {
  for (const [, header] of good) {
    const bytes = Buffer.from(header as string, "latin1");
    for (let at = 0; at < Math.min(12, bytes.length); at++) {
      const changed = Buffer.from(bytes.subarray(0, at + 1));
      changed[at] = (changed[at] as number) ^ 0x80;
      if (at < 6 || bytes[0] === 0x0d)
        assert.equal(parse(changed), "malformed", `byte ${at} of ${bytes.toString("latin1")}`);
    }
  }
});

test("proxy protocol: whatever comes, a verdict stands when more comes", () => {
  const header = fc.constantFrom(
    ...good.filter(([, bytes]) => bytes.length < 300).map(([, bytes]) => Buffer.from(bytes as string, "latin1")),
  );
  const change = fc.tuple(fc.nat({ max: 299 }), fc.nat({ max: 255 }));
  fc.assert(
    fc.property(
      header,
      fc.array(change, { maxLength: 3 }),
      fc.uint8Array({ maxLength: 120 }),
      (bytes, changes, after) => {
        const changed = Buffer.concat([bytes, after]);
        for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
        let verdict: ReturnType<typeof parseProxyHeader> = "more";
        for (let end = 0; end <= changed.length; end++) {
          const next = parse(changed.subarray(0, end));
          if (verdict !== "more") assert.deepEqual(next, verdict);
          else if (typeof next === "object") assert.equal(next.length, end);
          verdict = next;
        }
      },
    ),
    { numRuns: 1000 },
  );
});
