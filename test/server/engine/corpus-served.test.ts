/** The corpus over sockets: what an app finds in its environ, and what a client is answered. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, describe, test } from "node:test";
import type { App } from "../../../src/gateway.ts";
import { type Server, serve } from "../../../src/server/serve.ts";
import { subjects } from "./corpus/index.ts";
import { type Case, type Expected, get, got, type Limits, titleOf } from "./corpus/notation.ts";

/** A request that shows that the server reads on, short enough for all limits. It is the connection's last. */
const NEXT = get("/~", "Connection: close");
const gotNext = got({ target: "/~", more: ["Connection: close"], keepsAlive: false });

/** Longer inputs come in pieces of some bytes instead of one. */
const LONG = 1_024;
const PIECE = 97;

/** How many inputs of a case are sent; the parser gets them all. */
const MOST_INPUTS = 8;

/** How long a client waits for its answers, in milliseconds. */
const PATIENCE = 20_000;

/** What the app got, as it answers it. */
interface Echo extends Pick<Expected, "method" | "target" | "protocol" | "lines" | "body" | "trailers"> {
  readonly environ: Readonly<Record<string, unknown>>;
}

const echo: App = async (environ, startResponse) => {
  let body = "";
  for await (const chunk of environ["tsgi.input"]) body += Buffer.from(chunk).toString("latin1");
  const { headers = [], trailers = [] } = environ["tsgi.exchange"];
  const got: Echo = {
    method: environ.REQUEST_METHOD,
    target: environ.REQUEST_URI,
    protocol: environ.SERVER_PROTOCOL as Expected["protocol"],
    lines: headers.flat(),
    body,
    trailers: trailers.flat(),
    environ: Object.fromEntries(Object.entries(environ).filter(([, value]) => typeof value === "string")),
  };
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  return JSON.stringify(got);
};

/** What a client reads. */
interface Answer {
  readonly status: string;
  /** Whether it says that it is the connection's last; in HTTP/1.0, it is where it does not say that it is not. */
  readonly closes: boolean;
  /** What the app got; absent for HEAD and for what no app gets. */
  readonly echo?: Echo;
}

const servers = new Map<string, Promise<Server>>();
const log: string[] = [];

function serverWithin({ targetLength, headSize, lines }: Limits): Promise<Server> {
  const limits = {
    maxTargetLength: limitOf(targetLength),
    maxHeaderSize: limitOf(headSize),
    maxHeadersCount: limitOf(lines),
  };
  const key = JSON.stringify(limits);
  const server = servers.get(key) ?? serve(echo, { port: 0, errors: { write: (text) => log.push(text) }, ...limits });
  servers.set(key, server);
  return server;
}

/** A limit as an option, where 0 is none. */
function limitOf(limit: number): number {
  return limit === Number.POSITIVE_INFINITY ? 0 : limit;
}

/** Sends pieces, each in a turn of its own; gives what was received until the server had ended its side. */
function converse(port: number, pieces: Iterable<string>, endsItself: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    let received = "";
    let isOver = false;
    const fail = (reason: string) => {
      socket.destroy();
      reject(new Error(`${reason} after ${JSON.stringify(received)}`));
    };
    const patience = setTimeout(fail, PATIENCE, "no end");
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      received += text;
    });
    socket.on("end", () => {
      isOver = true;
      clearTimeout(patience);
      socket.end();
      resolve(received);
    });
    socket.on("error", (error) => {
      clearTimeout(patience);
      if (isOver) return;
      isOver = true;
      fail(error.message);
    });
    socket.on("connect", async () => {
      for (const piece of pieces) {
        if (isOver) return;
        socket.write(piece, "latin1");
        await new Promise((next) => setImmediate(next));
      }
      if (endsItself) socket.end();
    });
  });
}

/** Takes apart what was received. `100 Continue` is left out; it may come where a request expects it. */
function answersIn(received: string, expected: readonly Expected[]): Answer[] {
  const answers: Answer[] = [];
  let rest = received;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    const [statusLine = "", ...lines] = rest.slice(0, end).split("\r\n");
    const status = /^HTTP\/1\.1 (\d{3} .+)$/.exec(statusLine)?.[1];
    assert.ok(status !== undefined && end > 0, `no answer: ${JSON.stringify(rest)}`);
    rest = rest.slice(end + 4);
    const request = expected[answers.length];
    if (status === "100 Continue") {
      assert.ok(request?.expectsContinue, "100 Continue was not expected");
      continue;
    }
    const hasBody = request?.method !== "HEAD" || status !== "200 OK";
    const length = hasBody ? Number(fieldIn(lines, "Content-Length")) : 0;
    const body = rest.slice(0, length);
    assert.equal(body.length, length, "the whole body");
    rest = rest.slice(length);
    const connection = fieldIn(lines, "Connection");
    const closes = connection === "close" || (request?.protocol === "HTTP/1.0" && connection !== "keep-alive");
    if (status !== "200 OK" || !hasBody) answers.push({ status, closes });
    else answers.push({ status, closes, echo: JSON.parse(Buffer.from(body, "latin1").toString()) });
  }
  return answers;
}

function fieldIn(lines: readonly string[], name: string): string | undefined {
  return lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
}

/** What is answered: up to a request that closes, or that is refused. */
function expectedAnswers(testCase: Case): Answer[] {
  const requests = testCase.outcome === "done" ? [...testCase.requests, gotNext] : testCase.requests;
  const answers: Answer[] = [];
  for (const request of requests.filter(({ isWhole }) => isWhole)) {
    answers.push(answerTo(request));
    if (!request.keepsAlive) return answers;
  }
  if (testCase.outcome !== "done" && testCase.outcome !== "more") {
    answers.push({ status: testCase.outcome, closes: true });
  }
  return answers;
}

function answerTo({ method, target, protocol, lines, body, trailers, seen, keepsAlive }: Expected): Answer {
  const status = "200 OK";
  const closes = !keepsAlive;
  if (method === "HEAD") return { status, closes };
  return { status, closes, echo: { method, target, protocol, lines, body, trailers, environ: seen } };
}

/** The answer with those members of the environ alone that are expected. */
function picked(answer: Answer, expected: Answer | undefined): Answer {
  if (answer.echo === undefined || expected?.echo === undefined) return answer;
  const { environ } = answer.echo;
  const keys = Object.keys(expected.echo.environ);
  return { ...answer, echo: { ...answer.echo, environ: Object.fromEntries(keys.map((key) => [key, environ[key]])) } };
}

/** Some of the inputs, from the first one on. */
function someOf(inputs: readonly string[]): readonly string[] {
  const step = Math.ceil(inputs.length / MOST_INPUTS);
  return inputs.filter((_, at) => at % step === 0);
}

function piecesOf(input: string): string[] {
  const size = input.length > LONG ? PIECE : 1;
  return Array.from({ length: Math.ceil(input.length / size) }, (_, at) => input.slice(size * at, size * (at + 1)));
}

describe("served", { concurrency: 8 }, () => {
  after(async () => {
    for (const server of await Promise.all(servers.values())) await server.close({ grace: 0 });
    assert.deepEqual(log, []);
  });

  for (const subject of subjects) {
    for (const testCase of subject.cases) {
      test(`${titleOf(subject, testCase)}, served`, async () => {
        const { port } = await serverWithin(testCase.limits);
        const expected = expectedAnswers(testCase);
        const isUnfinished = testCase.outcome === "more";
        for (const input of someOf(testCase.inputs)) {
          const sent = isUnfinished ? input : input + NEXT;
          for (const pieces of [[sent], piecesOf(sent)]) {
            const received = await converse(port, pieces, isUnfinished);
            const answers = answersIn(received, testCase.requests).map((answer, at) => picked(answer, expected[at]));
            assert.deepEqual(answers, expected, `${JSON.stringify(input).slice(0, 400)} in ${pieces.length} pieces`);
          }
        }
      });
    }
  }
});
