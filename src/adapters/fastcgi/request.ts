/** One request to a FastCGI server. */

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

/** Methods that may be asked for twice (RFC 9110 §9.2.2), as far as they come without a body. */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

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

  constructor(pool: FastcgiPool, variables: Variables, errors: ErrorStream) {
    this.#pool = pool;
    this.#errors = errors;
    this.#request = requestRecords(variables);
    const { REQUEST_METHOD = "", CONTENT_LENGTH } = variables;
    this.#isRepeatable = REPEATABLE.has(REQUEST_METHOD) && CONTENT_LENGTH === undefined;
    this.output = new Readable({ highWaterMark: 65_536, read: () => this.#isOver || this.#connection.resume() });
    this.over = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#connection = this.#open(pool.take(this));
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
    } else if (type === Type.stderr) this.#report(this.#decoder.decode(content, { stream: true }));
    else if (type === Type.end) {
      this.#end.push(...content);
      if (this.#end.length >= END_LENGTH) this.#finish();
    }
  }

  #report(text: string): void {
    this.#errors.write(text);
    this.#isLineOpen = !text.endsWith("\n");
  }

  #finish(): void {
    if (this.#isLineOpen) this.#report("\n");
    const end = Buffer.from(this.#end);
    const protocol = end[4] as number;
    this.#status = end.readUInt32BE(0);
    this.#isOver = true;
    if (protocol === 0) this.output.push(null);
    else this.output.destroy(faultOf(protocol));
    this.#leave(protocol === 0 && this.#isFed);
  }

  onClose(error: Error | undefined): void {
    if (this.#isOver) return;
    if (this.#isRepeatable && !this.isAnswered && this.#connection.isUsed) {
      // The server gave it up while it was kept.
      this.#connection = this.#open(this.#pool.open());
      if (this.#isFed) void this.#connection.write([emptyRecord(Type.stdin)]);
      return;
    }
    this.#isOver = true;
    const what = this.isAnswered ? "closed the connection before the end" : "closed the connection";
    this.output.destroy(badGateway(error?.message ?? what, error));
    this.#leave(false);
  }

  #leave(isReusable: boolean): void {
    this.#pool.giveBack(this, this.#connection, isReusable);
    this.#settle();
  }
}

/** §5.5: why a server does not take a request. */
function faultOf(protocolStatus: number): Error {
  if (protocolStatus === 2) return serviceUnavailable("the server is overloaded", "Give it more processes.");
  return badGateway(
    protocolStatus === 1 ? "takes no second request" : `answers with the protocol status ${protocolStatus}`,
  );
}
