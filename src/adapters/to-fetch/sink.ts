/** A sink that makes a Fetch `Response` of what it gets. */

import { toBytes } from "../../body/chunk.ts";
import type { Sink } from "../../exchange/sink.ts";
import type { Chunk, HeaderList } from "../../gateway.ts";
import { withoutUpgrade } from "../../http/field-rules.ts";
import { hasHeader } from "../../http/headers.ts";
import { isNullBody, type Status } from "../../http/status.ts";
import { mayBeDropped } from "../../promise.ts";

/** What workerd knows beyond the standard: whether it encodes the body by itself where there is a `Content-Encoding`. */
interface WorkerResponseInit extends ResponseInit {
  encodeBody?: "automatic" | "manual";
}

export class FetchSink implements Sink {
  readonly requestHeaders: HeaderList;
  /** Rejects with an `AbortError` where the client leaves before there is a response. */
  readonly response: Promise<Response>;
  closed = false;
  readonly #isHead: boolean;
  #settle!: { resolve(response: Response): void; reject(error: unknown): void };
  #init: WorkerResponseInit | undefined;
  #hasType = false;
  #hasBody = true;
  /** Whether `response` is settled. */
  #answered = false;
  /** Whether `end` or `abort` was called. */
  #ended = false;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** What all writes wait for that came while there was no room. */
  #room: Promise<void> | undefined;
  #makeRoom: (() => void) | undefined;
  #watcher: (() => void) | undefined;
  #stopListening: (() => void) | undefined;

  constructor(requestHeaders: HeaderList, isHead: boolean) {
    this.requestHeaders = requestHeaders;
    this.#isHead = isHead;
    this.response = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // A host whose client has left may not listen any more.
    mayBeDropped(this.response);
  }

  /** Takes the abortion of a signal for the client's leaving, until the response has ended. */
  leaveWith(signal: AbortSignal): void {
    if (signal.aborted) {
      this.leave();
      return;
    }
    const leave = () => this.leave();
    signal.addEventListener("abort", leave, { once: true });
    // A signal may outlive many requests.
    this.#stopListening = () => signal.removeEventListener("abort", leave);
  }

  writeHead(status: Status, headers: HeaderList, length: number): void {
    const sent = this.connectionHeaders(status.code, headers);
    const lines = length < 0 ? sent : [...sent, ["Content-Length", String(length)] as const];
    this.#init = { status: status.code, statusText: status.reason, headers: lines as [string, string][] };
    if (hasHeader(headers, "Content-Encoding")) this.#init.encodeBody = "manual";
    this.#hasType = hasHeader(headers, "Content-Type");
    this.#hasBody = !this.#isHead && !isNullBody(status.code);
  }

  /** The headers that belong to the connection, which a host knows better. */
  protected connectionHeaders(code: number, headers: HeaderList): HeaderList {
    return withoutUpgrade(code, headers);
  }

  flush(): void {
    if (this.#hasBody) this.#stream();
    else this.#answer(null);
  }

  write(chunk: Chunk): void | Promise<void> {
    if (this.closed || this.#ended || !this.#hasBody) return;
    const controller = this.#stream();
    if (controller === undefined || this.closed) return;
    controller.enqueue(toBytes(chunk));
    if ((controller.desiredSize ?? 1) > 0) return;
    this.#room ??= new Promise((resolve) => {
      this.#makeRoom = resolve;
    });
    return this.#room;
  }

  /** The body, begun with the first chunk: a response that is whole by then needs none. */
  #stream(): ReadableStreamDefaultController<Uint8Array> | undefined {
    if (this.#controller !== undefined || this.#answered) return this.#controller;
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#goOn(),
        cancel: () => this.leave(),
      },
      { highWaterMark: 0 },
    );
    this.#answer(stream);
    return this.#controller;
  }

  #answer(body: ConstructorParameters<typeof Response>[0]): void {
    if (this.#answered) return;
    try {
      this.resolve(new Response(body, this.#init));
    } catch (error) {
      // Not every platform takes every status and header that HTTP knows.
      this.reject(error);
      this.leave();
    }
  }

  protected resolve(response: Response): void {
    this.#answered = true;
    this.#settle.resolve(response);
  }

  protected reject(error: unknown): void {
    this.#answered = true;
    this.#settle.reject(error);
  }

  #goOn(): void {
    const makeRoom = this.#makeRoom;
    this.#room = undefined;
    this.#makeRoom = undefined;
    makeRoom?.();
  }

  end(chunk?: Chunk): void {
    if (this.closed || this.#ended) return;
    const body = chunk === undefined || chunk.length === 0 || !this.#hasBody ? undefined : chunk;
    if (this.#controller === undefined) {
      // A string gets a Content-Type where there is none.
      const whole = typeof body === "string" && !this.#hasType ? toBytes(body) : (body ?? null);
      this.#answer(whole as ConstructorParameters<typeof Response>[0]);
    } else {
      if (body !== undefined) this.#controller.enqueue(toBytes(body));
      this.#controller.close();
    }
    this.#over();
  }

  abort(error: unknown = new Error("the response failed before its end")): void {
    if (this.closed || this.#ended) return;
    if (this.#hasBody) this.#stream()?.error(error);
    else if (!this.#answered) this.reject(error);
    this.#over();
  }

  /** Nothing more is sent: what waits for room goes on, and nobody needs to hear of the client any more. */
  #over(): void {
    this.#ended = true;
    this.#stopListening?.();
    this.#goOn();
  }

  onClose(callback: () => void): void {
    if (this.closed) callback();
    else this.#watcher = callback;
  }

  /** The client is gone. */
  leave(): void {
    if (this.closed || this.#ended) return;
    this.closed = true;
    this.#over();
    const error = new DOMException("The client went away", "AbortError");
    if (!this.#answered) this.reject(error);
    // Who still reads the body would wait for ever; a stream that was cancelled stays as it is.
    this.#controller?.error(error);
    this.#watcher?.();
  }
}
