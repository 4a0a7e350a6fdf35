/** A connection to a FastCGI server, which carries one request after another. */

import { connect, type IpcNetConnectOpts, type Socket, type TcpNetConnectOpts } from "node:net";
import { RecordReader } from "./records.ts";

/** Where to connect to. */
export type Address = TcpNetConnectOpts | IpcNetConnectOpts;

/** What a connection calls with what it receives. */
export interface Receiver {
  /** A piece of a record's content. */
  onContent(type: number, content: Uint8Array): void;
  /** The connection has closed, on an error if there is one. */
  onClose(error: Error | undefined): void;
}

/** A socket whose records go to the receiver of the moment. */
export class FastcgiConnection {
  /** Whether it has carried a request before. */
  isUsed = false;
  readonly #socket: Socket;
  readonly #reader: RecordReader;
  #receiver: Receiver | undefined;
  #onRoom: (() => void) | undefined;
  #error: Error | undefined;

  constructor(address: Address) {
    this.#reader = new RecordReader((type, content) => this.#receiver?.onContent(type, content));
    this.#socket = connect(address);
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (bytes) => this.#read(bytes));
    this.#socket.on("drain", () => this.#onRoom?.());
    this.#socket.on("timeout", () => this.close());
    this.#socket.on("error", (error) => {
      this.#error = error;
    });
    this.#socket.on("close", () => {
      this.#onRoom?.();
      this.#receiver?.onClose(this.#error);
    });
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /** Carries a request: from now on the receiver gets what arrives. */
  carry(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#socket.setTimeout(0);
    this.#socket.ref();
    this.#socket.resume();
  }

  /** Waits for another request, for `duration` milliseconds, without keeping this process alive. */
  waitForRequest(duration: number, onClose: () => void): void {
    this.isUsed = true;
    // A server that sends something unasked is out of step.
    this.#receiver = { onContent: () => this.close(), onClose };
    this.#socket.setTimeout(duration);
    this.#socket.unref();
    this.#socket.resume();
  }

  /** Sends bytes. A promise means "full": it settles when there is room again or the connection has closed. */
  write(parts: readonly Uint8Array[]): void | Promise<void> {
    if (!this.isOpen) return;
    this.#socket.cork();
    let hasRoom = true;
    for (const part of parts) hasRoom = this.#socket.write(part);
    this.#socket.uncork();
    if (hasRoom) return;
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(error?: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  #read(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes);
    } catch (error) {
      this.close(error as Error);
    }
  }
}
