/** The requests that the bytes of a connection hold, as our parser and as Node's reads them. */

import { createServer, IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import { environBuilder, type Peer } from "../../src/exchange/environ.ts";
import type { Exchange } from "../../src/gateway.ts";
import { BODY, END, HEAD, MORE, type ParserLimits, REFUSED, RequestParser } from "../../src/server/engine/parser.ts";

/** One request; bytes are characters. */
export interface ReadRequest {
  method: string;
  target: string;
  protocol: string;
  lines: readonly string[];
  keepsAlive: boolean;
  expectsContinue: boolean;
  body: string;
  /** Undefined until the end of the body was read. */
  trailers: readonly string[] | undefined;
}

/** What one reader makes of the bytes of a connection. */
export interface Reading {
  readonly requests: ReadRequest[];
  /** Where each request starts, and where the rest does after the last one; Node does not tell. */
  readonly starts: number[];
  /**
   * Why there are no more of them: "more" where bytes are missing, "closed" after the last request of a connection, else
   * the status or the code of an error.
   */
  end: string;
}

/** No limit is reached by what is compared. */
export const WIDE: ParserLimits = { targetLength: 1 << 20, headSize: 1 << 20, lines: 10_000 };

const PEER: Peer = { address: "", port: "" };
const EXCHANGE = {} as Exchange;
const buildEnviron = environBuilder({ name: "localhost", port: "80", scheme: "http", errors: { write() {} } });

/** Reads as the server does: the parser, and what is checked above it. The bytes come in pieces that end at `cuts`. */
export function readOurs(text: string, cuts: readonly number[] = [], limits: ParserLimits = WIDE): Reading {
  const parser = new RequestParser(limits);
  const reading: Reading = { requests: [], starts: [0], end: "more" };
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const to of [...cuts, text.length]) {
    // Memory of its own, so that nothing can be read beyond its end.
    parser.push(Uint8Array.from(Buffer.from(text.slice(from, to), "latin1")));
    from = to;
    reading.end = readPushed(parser, reading, pieces, from);
    if (reading.end !== "more") break;
    if (from < text.length) disturb();
  }
  const last = reading.requests.at(-1);
  if (last !== undefined && last.trailers === undefined) last.body = Buffer.concat(pieces).toString("latin1");
  return reading;
}

const OTHERS: readonly Uint8Array[] = [
  Buffer.from(`GET /other HTTP/1.1\r\nHost: other\r\n${"Other: \t other\r\n".repeat(20)}\r\n`),
  Buffer.from(`POST /other HTTP/1.1\r\nOther: \t other\r\n${"O: o\r\n".repeat(9)}`),
];

/** Reads on another connection. */
function disturb(): void {
  for (const bytes of OTHERS) {
    const parser = new RequestParser(WIDE);
    parser.push(bytes);
    parser.read();
  }
}

/**
 * Reads what was pushed so far, `pushed` bytes in all; gives the end of the reading. The pieces of a body are looked at after
 * its end: what the parser gives must not change.
 */
function readPushed(
  parser: RequestParser,
  { requests, starts }: Reading,
  pieces: Uint8Array[],
  pushed: number,
): string {
  for (let steps = 0; steps <= 3 * pushed + 10; steps++) {
    const request = requests.at(-1);
    switch (parser.read()) {
      case MORE:
        return "more";
      case REFUSED:
        if (parser.read() !== REFUSED) return "reads on after a refusal";
        return parser.refusal;
      case HEAD: {
        if (request !== undefined && request.trailers === undefined) return "a head within a body";
        const { method, target, protocol, lines, keepsAlive, expectsContinue } = parser;
        if (buildEnviron(method, target, protocol, lines, PEER, EXCHANGE) === undefined) return "400 Bad Request";
        const head = { method, target, protocol, lines: [...lines], keepsAlive, expectsContinue };
        requests.push({ ...head, body: "", trailers: undefined });
        break;
      }
      case BODY: {
        if (request === undefined || request.trailers !== undefined) return "a body without a head";
        if (parser.chunk.length === 0) return "an empty piece of a body";
        pieces.push(parser.chunk);
        break;
      }
      case END:
        if (request === undefined || request.trailers !== undefined) return "an end without a head";
        request.body = Buffer.concat(pieces).toString("latin1");
        pieces.length = 0;
        if (!parser.isChunked && request.body.length !== Math.max(0, parser.contentLength))
          return "a body of another length";
        request.trailers = [...parser.trailers];
        starts.push(pushed - parser.held);
        if (!request.keepsAlive) return "closed";
        break;
    }
  }
  return "steps without an end";
}

/** A request of Node's that keeps its body as it comes, not in turns of a stream. */
class Recorded extends IncomingMessage {
  body = "";

  override push(chunk: Uint8Array | null): boolean {
    if (chunk !== null) this.body += Buffer.from(chunk).toString("latin1");
    return true;
  }

  /** Its connection ends in the middle of many a request; an error for each would take most of the time. */
  override destroy(): this {
    return this;
  }
}

class Connection extends Duplex {
  readonly requests: { request: Recorded; keepsAlive: boolean; expectsContinue: boolean }[] = [];
  code: string | undefined;

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

const node: Server = createServer({
  IncomingMessage: Recorded,
  insecureHTTPParser: false,
  requireHostHeader: false,
  maxHeaderSize: 1 << 20,
});
node.maxHeadersCount = 0;
const record =
  (expectsContinue: boolean) =>
  (request: Recorded, response?: ServerResponse): void => {
    const keepsAlive = response?.shouldKeepAlive ?? false;
    (request.socket as Duplex as Connection).requests.push({ request, keepsAlive, expectsContinue });
  };
node.on("request", record(false));
node.on("checkContinue", record(true));
node.on("checkExpectation", record(false));
node.on("connect", (request) => record(false)(request as Recorded));
node.on("clientError", (error: NodeJS.ErrnoException, socket) => {
  (socket as Duplex as Connection).code = error.code ?? error.message;
});

/** Reads by `node:http`, on a connection that exists in memory only. */
export function readNode(text: string): Reading {
  const connection = new Connection();
  node.emit("connection", connection);
  // Not by `push`, which would tell of the bytes in a later turn.
  connection.emit("data", Buffer.from(text, "latin1"));
  // Gives Node's parser back.
  connection.emit("close");
  const requests = connection.requests.map(({ request, keepsAlive, expectsContinue }) => ({
    method: request.method ?? "",
    target: request.url ?? "",
    protocol: `HTTP/${request.httpVersion}`,
    lines: request.rawHeaders,
    keepsAlive,
    expectsContinue,
    body: request.body,
    trailers: request.complete ? request.rawTrailers : undefined,
  }));
  return { requests, starts: [], end: connection.code ?? "more" };
}
