/** A request to a FastCGI server. */

import { Readable } from "node:stream";
import type { ErrorStream } from "../../gateway.ts";
import { badGateway, serviceUnavailable } from "../program/errors.ts";
import type { ProgramRun } from "../program/program-run.ts";
import type { Variables } from "../program/variables.ts";
import type { FastcgiConnection, Receiver } from "./connection.ts";
import type { FastcgiPool } from "./pool.ts";
import { emptyRecord, requestRecords, streamRecords, Type } from "./records.ts";

/** §5.5: the application status, four bytes; the protocol status; three more. */
const END_LENGTH = 8;

/** Methods of requests that may be sent twice if they have no body (RFC 9110 §9.2.2). */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** A request and its response, on a connection of the pool. */
export class FastcgiRequest implements ProgramRun, Receiver {
  readonly output: Readable;
  readonly over: Promise<void>;
  /** Whether anything has come back: until then the server may not even have accepted the connection. */
  isAnswered = false;
  readonly #pool: FastcgiPool;
  readonly #errors: ErrorStream;
  readonly #request: Buffer;
  readonly #decoder = new TextDecoder();
  readonly #end: number[] = [];
  #isRepeatable: boolean;
  #connection: FastcgiConnection;
  #isFed = false;
  #isLineOpen = false;
  #isOver = false;
  #settle!: () => void;
  #status = 0;

  /** `errors` takes the standard error; it must not throw. */
  constructor(pool: FastcgiPool, variables: Variables, errors: ErrorStream) {
    this.#pool = pool;
    this.#errors = errors;
    this.#request = requestRecords(variables);
    const { REQUEST_METHOD = "", CONTENT_LENGTH } = variables;
    this.#isRepeatable = REPEATABLE.has(REQUEST_METHOD) && CONTENT_LENGTH === undefined;
    this.output = new Readable({ highWaterMark: 65_536, read: () => this.#isOver || this.#connection.resume() });
    // A failure reaches its reader; where there is none, it must not end this process.
    this.output.on("error", () => {});
    this.over = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#connection = this.#open(pool.acquire(this));
  }

  #open(connection: FastcgiConnection): FastcgiConnection {
    connection.carry(this);
    void connection.write([this.#request]);
    return connection;
  }

  async feed(input: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of input) {
      if (this.#isOver) return;
      this.#isRepeatable = false;
      await this.#connection.write(streamRecords(Type.stdin, chunk));
    }
    this.#isFed = true;
    if (!this.#isOver) void this.#connection.write([emptyRecord(Type.stdin)]);
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isRepeatable = false;
    void this.#connection.write([emptyRecord(Type.abort)]);
    this.#connection.close();
    this.output.destroy();
  }

  failure(): string | undefined {
    return this.#status === 0 ? undefined : `exited with ${this.#status}`;
  }

  onContent(type: number, content: Uint8Array): void {
    this.isAnswered = true;
    if (type === Type.stdout) {
      if (!this.output.push(content)) this.#connection.pause();
    } else if (type === Type.stderr) this.#log(this.#decoder.decode(content, { stream: true }));
    else if (type === Type.end) {
      this.#end.push(...content);
      if (this.#end.length >= END_LENGTH) this.#finish();
    }
  }

  #log(text: string): void {
    this.#errors.write(text);
    this.#isLineOpen = !text.endsWith("\n");
  }

  #finish(): void {
    if (this.#isLineOpen) this.#log("\n");
    const end = Buffer.from(this.#end);
    const protocol = end[4] as number;
    this.#status = end.readUInt32BE(0);
    this.#isOver = true;
    if (protocol === 0) this.output.push(null);
    else this.output.destroy(protocolError(protocol));
    this.#release(protocol === 0 && this.#isFed);
  }

  onClose(error: Error | undefined): void {
    if (this.#isOver) return;
    if (this.#isRepeatable && !this.isAnswered && this.#connection.isUsed) {
      // The server closed the connection while it was idle.
      this.#connection = this.#open(this.#pool.open());
      if (this.#isFed) void this.#connection.write([emptyRecord(Type.stdin)]);
      return;
    }
    this.#isOver = true;
    const what = this.isAnswered ? "closed the connection before the end" : "closed the connection";
    this.output.destroy(badGateway(error?.message ?? what, error));
    this.#release(false);
  }

  #release(isReusable: boolean): void {
    this.#pool.release(this, this.#connection, isReusable);
    this.#settle();
  }
}

/** The error for a protocol status other than 0 (§5.5). */
function protocolError(protocolStatus: number): Error {
  if (protocolStatus === 2) return serviceUnavailable("the server is overloaded", "Give it more processes.");
  return badGateway(
    protocolStatus === 1 ? "does not take a second request" : `sent the protocol status ${protocolStatus}`,
  );
}
