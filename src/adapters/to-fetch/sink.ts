/** A sink that makes a Fetch `Response` of what it gets. */

import { toBytes } from "../../body/chunk.ts";
import { TsgiError } from "../../errors.ts";
import type { Sink } from "../../exchange/sink.ts";
import type { Chunk, HeaderList } from "../../gateway.ts";
import { isNullBody, type Status } from "../../http/status.ts";

export class FetchSink implements Sink {
  readonly requestHeaders: HeaderList;
  readonly response: Promise<Response>;
  closed = false;
  #resolve!: (response: Response) => void;
  #reject!: (error: unknown) => void;
  #init: ResponseInit | undefined;
  #hasBody = true;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #makeRoom: (() => void) | undefined;
  #watcher: (() => void) | undefined;

  constructor(requestHeaders: HeaderList) {
    this.requestHeaders = requestHeaders;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  writeHead(status: Status, headers: HeaderList, length: number): void {
    // To be known while another can still be sent.
    if (status.code > 599) {
      throw new TsgiError("TSGI_BAD_STATUS", `a Response cannot have the status ${status.code}`, {
        hint: "Choose one from 200 to 599.",
      });
    }
    const lines = length < 0 ? headers : [...headers, ["Content-Length", String(length)] as const];
    this.#init = { status: status.code, statusText: status.reason, headers: lines as [string, string][] };
    this.#hasBody = !isNullBody(status.code);
  }

  flush(): void {
    this.#stream();
  }

  write(chunk: Chunk): void | Promise<void> {
    if (this.closed) return;
    const controller = this.#stream();
    if (controller === undefined) return;
    controller.enqueue(toBytes(chunk));
    if ((controller.desiredSize ?? 1) > 0) return;
    return new Promise((resolve) => {
      this.#makeRoom = resolve;
    });
  }

  /** The body, begun with the first chunk: a response that is whole by then needs none. */
  #stream(): ReadableStreamDefaultController<Uint8Array> | undefined {
    if (this.#controller !== undefined || !this.#hasBody) return this.#controller;
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
    this.#resolve(new Response(stream, this.#init));
    return this.#controller;
  }

  #goOn(): void {
    this.#makeRoom?.();
    this.#makeRoom = undefined;
  }

  end(chunk?: Chunk): void {
    const isEmpty = chunk === undefined || chunk.length === 0 || !this.#hasBody;
    if (this.#controller === undefined) {
      this.#resolve(new Response(isEmpty ? null : (chunk as ConstructorParameters<typeof Response>[0]), this.#init));
      return;
    }
    if (this.closed) return;
    if (!isEmpty) this.#controller.enqueue(toBytes(chunk));
    this.#controller.close();
  }

  abort(): void {
    this.#stream()?.error(new Error("the response failed before its end"));
  }

  onClose(callback: () => void): void {
    this.#watcher = callback;
  }

  /** The client is gone. */
  leave(): void {
    if (this.closed) return;
    this.closed = true;
    this.#watcher?.();
    this.#goOn();
    this.#reject(new DOMException("The client went away", "AbortError"));
  }
}
