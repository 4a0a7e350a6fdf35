import assert from "node:assert/strict";
import { test } from "node:test";
import { HeaderDecoder } from "../../../src/server/http2/hpack/decoder.ts";
import { HeaderEncoder } from "../../../src/server/http2/hpack/encoder.ts";
import { ask, startHttp2 } from "../../support/http2-client.ts";
import { Random } from "../../support/random.ts";

type Lines = [name: string, value: string][];

function decoded(decoder: HeaderDecoder, bytes: Buffer): Lines | undefined {
  const lines = decoder.decode(bytes, 0, bytes.length);
  return lines && Array.from({ length: lines.length / 2 }, (_, at) => [lines[2 * at] ?? "", lines[2 * at + 1] ?? ""]);
}

function encoded(encoder: HeaderEncoder, lines: Lines): Buffer {
  const text = encoder.begin() + lines.map(([name, value]) => encoder.line(name, value)).join("");
  return Buffer.from(text, "latin1");
}

const FIRST: Lines = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];
const SECOND: Lines = [...FIRST, ["cache-control", "no-cache"]];
const THIRD: Lines = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
];

for (const [what, blocks] of [
  [
    "plain (RFC 7541 C.3)",
    [
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ],
  ],
  [
    "in the Huffman code (RFC 7541 C.4)",
    [
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ],
  ],
] as const) {
  test(`hpack: three requests, ${what}`, () => {
    const decoder = new HeaderDecoder(65_536);
    const given = blocks.map((hex) => decoded(decoder, Buffer.from(hex, "hex")));
    assert.deepEqual(given, [FIRST, SECOND, THIRD]);
  });
}

for (const [what, hex] of [
  ["an index of 0", "80"],
  ["an index beyond both tables", "be"],
  ["an index of a name beyond both tables", "7f0001ff"],
  ["a length beyond the block", "0001780561"],
  ["a number without an end", "ffffffffffff"],
  ["a number that does not end in the block", "ff"],
  ["the end of a string in the Huffman code", "000178 84 ffffffff"],
  ["padding of a whole byte", "000178 82 1fff"],
  ["padding that is not the end's", "000178 81 00"],
  ["a size of the table after a line", "8220"],
  ["a size of the table beyond the limit", "3fe21f"],
] as const) {
  test(`hpack: ${what} is not a block`, () => {
    assert.equal(decoded(new HeaderDecoder(65_536), Buffer.from(hex.replaceAll(" ", ""), "hex")), undefined);
  });
}

test("hpack: what was learned is forgotten, the oldest first, and with a smaller table", () => {
  const decoder = new HeaderDecoder(65_536);
  const learn = (value: string) => Buffer.concat([Buffer.from([0x40, 1, 120, value.length]), Buffer.from(value)]);
  for (let count = 0; count < 200; count++) decoded(decoder, learn(`${count}`.padStart(3, "0")));
  // 113 lines of 36 bytes have room.
  assert.deepEqual(decoded(decoder, Buffer.from([0xbe])), [["x", "199"]]);
  assert.deepEqual(decoded(decoder, Buffer.from([0xff, 174 - 127])), [["x", "087"]]);
  assert.equal(decoded(decoder, Buffer.from([0xff, 175 - 127])), undefined);
  assert.deepEqual(decoded(decoder, Buffer.from([0x3f, 72 - 31, 0xbf])), [["x", "198"]]);
  assert.equal(decoded(decoder, Buffer.from([0xc0])), undefined);
  assert.deepEqual(decoded(decoder, Buffer.from([0x20])), []);
  assert.equal(decoded(decoder, Buffer.from([0xbe])), undefined);
});

test("hpack: lines beyond the limit are left out, and what they have the table learn is not", () => {
  const decoder = new HeaderDecoder(100);
  const encoder = new HeaderEncoder();
  const lines: Lines = [
    ["x-a", "1"],
    ["x-b", "2".repeat(60)],
    ["x-c", "3"],
  ];
  assert.deepEqual(decoded(decoder, encoded(encoder, lines)), lines.slice(0, 1));
  assert.equal(decoder.isTooLarge, true);
  assert.deepEqual(decoded(decoder, encoded(encoder, lines.slice(2))), lines.slice(2));
  assert.equal(decoder.isTooLarge, false);
});

test("hpack: what is written is read, with tables of any size", () => {
  const random = new Random(7);
  const encoder = new HeaderEncoder();
  const decoder = new HeaderDecoder(1 << 20);
  const names = ["date", "x", "set-cookie", "etag", "cache-control", "x-long-name", "content-type", "status"];
  for (let round = 0; round < 3000; round++) {
    if (random.below(20) === 0) {
      for (let sizes = random.below(3); sizes >= 0; sizes--) encoder.resize(random.below(6000));
    }
    const lines = Array.from({ length: random.below(9) }, (): [string, string] => [
      random.pick(names),
      String.fromCharCode(33 + random.below(4)).repeat(random.below(3) === 0 ? random.below(700) : random.below(5)),
    ]);
    assert.deepEqual(decoded(decoder, encoded(encoder, lines)), lines);
  }
});

test("hpack: what Node writes is read, and what it is sent is read by it, every byte of Latin-1", async (t) => {
  const { connect } = await startHttp2(t, (environ, startResponse) => {
    startResponse("200 OK", [
      ["X-Back", environ.HTTP_X_SENT ?? ""],
      ["Content-Type", environ.HTTP_X_TYPE ?? ""],
    ]);
    return "x";
  });
  const session = connect();
  const random = new Random(11);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte > 32 && byte !== 127);
  for (let round = 0; round < 300; round++) {
    const sent = String.fromCharCode(
      ...(round === 0 ? bytes : Array.from({ length: 1 + random.below(60) }, () => random.pick(bytes))),
    );
    const type = random.pick(["text/html", "text/css", "image/png"]);
    const { headers } = await ask(session, { "x-sent": sent, "x-type": type });
    assert.deepEqual([headers["x-back"], headers["content-type"]], [sent, type]);
  }
});
