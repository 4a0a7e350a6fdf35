/** A native stream as the transport of a tunnel (RFC 8441). */

import type { ServerHttp2Stream } from "node:http2";
import type { HeaderList } from "../../../gateway.ts";
import type { TunnelReader, TunnelTransport } from "../../../server/http2/tunnel.ts";
import { streamFields } from "./fields.ts";
import { refuseStream } from "./refusal.ts";

const NO_ERROR = 0;

/** StreamTransport passes on what comes through a native stream. */
export class StreamTransport implements TunnelTransport {
  readonly #stream: ServerHttp2Stream;
  #reader: TunnelReader | undefined;
  #isReading = false;
  #hasEnded = false;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  get isEnded(): boolean {
    const { closed, destroyed, writableEnded } = this.#stream;
    return closed || destroyed || writableEnded;
  }

  get hasSentEnd(): boolean {
    return this.#stream.writableEnded;
  }

  bind(reader: TunnelReader): void {
    this.#reader = reader;
    const stream = this.#stream;
    stream.once("end", () => {
      this.#hasEnded = true;
      reader.streamEnded();
    });
    stream.once("close", () => {
      reader.streamClosed(stream.rstCode === NO_ERROR && this.#hasEnded && stream.writableEnded);
    });
  }

  resume(): void {
    const stream = this.#stream;
    if (this.#isReading) {
      stream.resume();
      return;
    }
    this.#isReading = true;
    stream.on("data", (bytes: Uint8Array) => {
      if (this.#reader?.streamBytes(bytes) === false) stream.pause();
    });
  }

  inform(code: number, headers: HeaderList): void {
    this.#stream.additionalHeaders(streamFields(code, headers, -1));
  }

  respond(code: number, headers: HeaderList, isEnd: boolean): void {
    this.#stream.respond(streamFields(code, headers, -1), isEnd ? { endStream: true } : undefined);
  }

  refuse(): void {
    refuseStream(this.#stream, "501 Not Implemented");
  }

  write(bytes: Uint8Array, callback: () => void): void {
    this.#stream.write(bytes, () => callback());
  }

  end(bytes: Uint8Array | undefined, callback: () => void): void {
    const stream = this.#stream;
    if (bytes === undefined) stream.end(() => callback());
    else {
      stream.end(bytes);
      callback();
    }
  }

  reset(code: number): void {
    const stream = this.#stream;
    if (!stream.closed && !stream.destroyed) stream.close(code);
  }
}
