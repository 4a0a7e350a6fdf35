/**
 * A reverse proxy that takes almost anything for a request and forwards it as it came, as no proxy should: whatever it and
 * the server behind it could read differently is the server's to refuse.
 */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { FORWARDED, type RunningProxy, SECRET } from "./proxies.ts";

/** How the proxy reads what is ambiguous. */
export interface Reading {
  /** What it believes where a request has both. */
  readonly prefers: "Content-Length" | "Transfer-Encoding";
  /** Where a line ends. */
  readonly lineEnd: "\n" | "\r\n";
  /** What it takes for these two: all that looks like it, or nothing except what is written as it should be. */
  readonly takes: "lookalikes" | "exact words";
}

/** A field line that may declare a body, by what is taken for one. */
const FIELDS = {
  // Whatever stands around a name is ignored.
  lookalikes: { line: /^[^\w-]*([\w-]*)[^:]*:(.*)$/s, length: /\d+/, coding: /chun.{1,3}ed/i },
  "exact words": { line: /^([\w-]+):[ \t]*(.*?)[ \t]*$/s, length: /^\d+$/, coding: /^chunked$/i },
} as const;

/** How often the proxy looks for a response, each millisecond, before it closes the connection to the server. */
const LOOKS = 100;

const NO_RESPONSE = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** Starts a proxy in front of a port, until the test is over. It has one connection to the server, for all clients. */
export async function startLenientProxy(t: TestContext, reading: Reading, upstream: number): Promise<RunningProxy> {
  const connection = new Upstream(upstream);
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    let received = "";
    let isBusy = false;
    const forwardAll = async () => {
      if (isBusy) return;
      isBusy = true;
      for (let request = new Request(received, reading); request.isComplete; request = new Request(received, reading)) {
        received = request.rest;
        const response = await connection.exchange(request);
        if (client.destroyed) return;
        client.write(response, "latin1");
        if (request.closes) client.end();
      }
      isBusy = false;
    };
    clients.add(client);
    client.on("error", () => {});
    client.on("close", () => clients.delete(client));
    client.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      void forwardAll();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const client of clients) client.destroy();
    connection.drop();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, log: () => "" };
}

/** What the proxy takes for the first request of some bytes. */
class Request {
  /** Whether all of it has come. */
  readonly isComplete: boolean;
  /** The bytes after it. */
  readonly rest: string;
  /** What is sent to the server: the same bytes, except for the header that the proxy sets and for `Connection`. */
  readonly forwarded: string;
  readonly method: string;
  /** Whether the client asked to close the connection. */
  readonly closes: boolean;
  readonly #text: string;
  readonly #lineEnd: string;
  /** Where reading goes on; beyond the text where it ended too early. */
  #at = 0;

  constructor(text: string, { prefers, lineEnd, takes }: Reading) {
    this.#text = text;
    this.#lineEnd = lineEnd;
    let requestLine = this.#line();
    while (requestLine === "") requestLine = this.#line();
    const lineEnds = this.#at;
    const [, method = "", target = ""] = /^\s*(\S*)\s*(\S*)/.exec(requestLine ?? "") ?? [];
    let length: number | undefined;
    let isChunked = false;
    for (const line of this.#linesToEmpty()) {
      const fields = FIELDS[takes];
      const [, name = "", value = ""] = fields.line.exec(line) ?? [];
      const digits = fields.length.exec(value)?.[0];
      if (/^content-length$/i.test(name) && digits !== undefined) length ??= wrapped(digits);
      if (/^transfer-encoding$/i.test(name)) isChunked ||= fields.coding.test(value);
    }
    const headEnds = this.#at;
    if (isChunked && (length === undefined || prefers === "Transfer-Encoding")) this.#skipChunks();
    else this.#at += length ?? 0;
    this.isComplete = text.length >= this.#at && text !== "";
    const head = text.slice(lineEnds, headEnds);
    this.method = method;
    this.closes = /^Connection: close\r$/m.test(head);
    this.rest = text.slice(this.#at);
    this.forwarded = [
      text.slice(0, lineEnds),
      `${FORWARDED}: ${SECRET} 0 ${method} ${target}\r\n`,
      head.replace(new RegExp(`^(?:Connection|${FORWARDED}): [^\\n]*\r\n`, "gm"), ""),
      text.slice(headEnds, this.#at),
    ].join("");
  }

  /** The next line, without its end. */
  #line(): string | undefined {
    const start = this.#at;
    const end = this.#text.indexOf(this.#lineEnd, start);
    this.#at = end < 0 ? Number.POSITIVE_INFINITY : end + this.#lineEnd.length;
    return end < 0 ? undefined : this.#text.slice(start, end).replace(/\r+$/, "");
  }

  *#linesToEmpty(): Generator<string> {
    for (let line = this.#line(); line !== undefined && line !== ""; line = this.#line()) yield line;
  }

  #skipChunks(): void {
    for (;;) {
      const line = this.#line();
      if (line === undefined) return;
      const size = wrapped(`0x${/^[\s+-]*(?:0x)?([0-9a-f]+)/i.exec(line)?.[1] ?? "0"}`);
      if (size === 0) break;
      this.#at += size;
      // What ends a chunk is not looked at.
      if (this.#lineEnd === "\n") this.#line();
      else this.#at += 2;
      if (this.#at > this.#text.length) return;
    }
    for (const _trailer of this.#linesToEmpty());
  }
}

/** A number in 64 bits, as a careless reader has it. */
function wrapped(digits: string): number {
  return Number(BigInt.asUintN(64, BigInt(digits)));
}

/** The connection to the server: one exchange after the other. */
class Upstream {
  readonly #port: number;
  #socket: Socket | undefined;
  #received = "";
  #last: Promise<unknown> = Promise.resolve();

  constructor(port: number) {
    this.#port = port;
  }

  exchange(request: Request): Promise<string> {
    const response = this.#last.then(() => this.#exchange(request));
    this.#last = response;
    return response;
  }

  drop(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #exchange({ forwarded, method }: Request): Promise<string> {
    this.#socket ??= this.#open();
    const socket = this.#socket;
    socket.write(forwarded, "latin1");
    for (let look = 0; ; look++) {
      this.#received = this.#received.replace(/^HTTP\/1\.1 1\d\d .*\r\n(?:.+\r\n)*\r\n/, "");
      const [head, headLines = ""] = /^HTTP\/1\.1 ((?:.+\r\n)+)\r\n/.exec(this.#received) ?? [];
      if (head !== undefined) {
        const length = Number(/^Content-Length: (\d+)/im.exec(headLines)?.[1] ?? 0);
        const end = head.length + (method === "HEAD" ? 0 : length);
        if (this.#received.length >= end) {
          const response = this.#received.slice(0, end);
          this.#received = this.#received.slice(end);
          if (/^Connection: close/im.test(headLines)) this.drop();
          return response;
        }
      }
      if (this.#socket !== socket || look === LOOKS) {
        this.drop();
        return NO_RESPONSE;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #open(): Socket {
    const socket = connect(this.#port, "127.0.0.1");
    this.#received = "";
    const isCurrent = () => this.#socket === socket;
    socket.on("data", (chunk: Buffer) => {
      if (isCurrent()) this.#received += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (isCurrent()) this.#socket = undefined;
    });
    return socket;
  }
}
