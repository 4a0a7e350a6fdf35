/** The corpus, fed to the parser in all ways in which bytes may come. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { StatusLine } from "../../../src/gateway.ts";
import { BODY, END, HEAD, MORE, type ParserLimits, RequestParser } from "../../../src/server/engine/parser.ts";
import { subjects } from "./corpus/index.ts";
import { type Case, get, type Parsed, titleOf } from "./corpus/notation.ts";

/** A request that shows that the parser is ready for one, short enough for all limits. */
const NEXT = Buffer.from(get("/~"), "latin1");

/**
 * A longer input is split near its beginning and its end, and at every so many bytes between; in a long run (`TSGI_FUZZ`), at
 * every place too.
 */
const LONG = process.env.TSGI_FUZZ === undefined ? 2_048 : Number.POSITIVE_INFINITY;
const EDGE = 256;
const STEP = 211;

interface Outcome {
  readonly requests: readonly Parsed[];
  readonly outcome: "done" | "more" | StatusLine;
}

/** What a parser has given, as it gave it: none of it may change when the parser reads on. */
interface Recorded extends Omit<Parsed, "body"> {
  readonly pieces: Uint8Array[];
  trailers: readonly string[];
  isWhole: boolean;
}

/** What a parser makes of bytes that come in these pieces. `between` is called after each. */
function outcomeOf(pieces: Iterable<Buffer>, limits: ParserLimits, between = () => {}): Outcome {
  const parser = new RequestParser(limits);
  const requests: Recorded[] = [];
  for (const piece of pieces) {
    parser.push(piece);
    between();
    const refusal = readAll(parser, requests);
    if (refusal === undefined) continue;
    parser.push(NEXT);
    assert.equal(readAll(parser, requests), refusal, "nothing is read after a refusal");
    return { requests: requests.map(parsedOf), outcome: refusal };
  }
  if (requests.some(({ isWhole }) => !isWhole)) return { requests: requests.map(parsedOf), outcome: "more" };
  const next: Recorded[] = [];
  parser.push(NEXT);
  readAll(parser, next);
  const isDone = next.length === 1 && next[0]?.target === "/~" && next[0].isWhole;
  return { requests: requests.map(parsedOf), outcome: isDone ? "done" : "more" };
}

/** Reads as far as the bytes go. Gives the status where they are refused. */
function readAll(parser: RequestParser, requests: Recorded[]): StatusLine | undefined {
  for (;;) {
    const step = parser.read();
    const last = requests.at(-1);
    switch (step) {
      case MORE:
        return undefined;
      case HEAD:
        assert.notEqual(last?.isWhole, false, "a head in a body");
        requests.push({ ...headOf(parser), pieces: [], trailers: [], isWhole: false });
        break;
      case BODY:
        assert.ok(last !== undefined && !last.isWhole, "a body without a head");
        assert.notEqual(parser.chunk.length, 0, "an empty piece");
        last.pieces.push(parser.chunk);
        break;
      case END:
        assert.ok(last !== undefined && !last.isWhole, "an end without a head");
        assert.deepEqual({ ...last, ...headOf(parser) }, last, "a head is the same at the end of its body");
        last.trailers = parser.trailers;
        last.isWhole = true;
        break;
      default:
        return parser.refusal;
    }
  }
}

function headOf(parser: RequestParser): Omit<Parsed, "body" | "trailers" | "isWhole"> {
  const { method, target, protocol, lines, contentLength, isChunked, keepsAlive, expectsContinue, isUpgrade } = parser;
  return { method, target, protocol, lines, contentLength, isChunked, keepsAlive, expectsContinue, isUpgrade };
}

function parsedOf({ pieces, trailers, isWhole, ...head }: Recorded): Parsed {
  return { ...head, body: Buffer.concat(pieces).toString("latin1"), trailers, isWhole };
}

function expectedOf({ requests, outcome, aboveParser }: Case, whole: Outcome): Outcome {
  if (!aboveParser) return { requests: requests.map(({ seen, ...parsed }) => parsed), outcome };
  // The parser takes one request more than the server.
  assert.equal(whole.requests.length, requests.length + 1);
  assert.equal(whole.outcome, "done");
  return whole;
}

function* byteByByte(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1);
}

function* splitsOf(length: number): Iterable<number> {
  for (let at = 1; at < length; at++) {
    if (length <= LONG || at < EDGE || at > length - EDGE || at % STEP === 0) yield at;
  }
}

/** Another connection of the same process, whose bytes come in turn with those of the case. */
function neighbour(): () => void {
  const parser = new RequestParser({ targetLength: 100, headSize: 1_000, lines: 10 });
  const bytes = Buffer.from(get("/neighbour", "X: y", "Accept:\t*/*", "Cookie: a=b"), "latin1");
  let at = 0;
  return () => {
    parser.push(bytes.subarray(at, at + 1));
    at = (at + 1) % bytes.length;
    while (parser.read() !== MORE) assert.equal(parser.target, "/neighbour");
  };
}

for (const subject of subjects) {
  for (const testCase of subject.cases) {
    const { inputs, limits } = testCase;
    test(titleOf(subject, testCase), () => {
      for (const input of inputs) {
        const bytes = Buffer.from(input, "latin1");
        const whole = outcomeOf([bytes], limits);
        const expected = expectedOf(testCase, whole);
        const sent = shown(input);
        assert.deepEqual(whole, expected, sent);
        assert.deepEqual(outcomeOf(byteByByte(bytes), limits), expected, `${sent}, byte by byte`);
        assert.deepEqual(outcomeOf(byteByByte(bytes), limits, neighbour()), expected, `${sent}, beside another`);
        const same = JSON.stringify(whole);
        for (const at of splitsOf(bytes.length)) {
          const outcome = outcomeOf([bytes.subarray(0, at), bytes.subarray(at)], limits);
          // A comparison of texts takes a tenth of the time.
          if (JSON.stringify(outcome) !== same) assert.deepEqual(outcome, expected, `${sent}, split at ${at}`);
        }
      }
    });
  }
}

test("corpus: no request is in two cases, and no name", () => {
  const owners = new Map<string, string>();
  for (const { title, cases } of subjects) {
    for (const { name, inputs, limits } of cases) {
      const owner = `${title}: ${name}`;
      for (const key of new Set([owner, ...inputs.map((input) => JSON.stringify([input, limits]))])) {
        assert.equal(owners.get(key), undefined, `${owner}: ${shown(key)}`);
        owners.set(key, owner);
      }
    }
  }
});

/** An input as it is written in a case, cut where it is long. */
function shown(input: string): string {
  const text = JSON.stringify(input);
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}
