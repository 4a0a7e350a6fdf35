/** The client's side of a WebSocket over HTTP/2 (RFC 8441), byte by byte. */

import { type ClientHttp2Session, type ClientHttp2Stream, constants, type OutgoingHttpHeaders } from "node:http2";
import { eventually } from "./raw-client.ts";

/** What asks for one. */
export const OPENING: OutgoingHttpHeaders = {
  ":method": "CONNECT",
  ":protocol": "websocket",
  ":path": "/",
  "sec-websocket-version": "13",
};

export class TunnelClient {
  readonly stream: ClientHttp2Stream;
  status = 0;
  /** The fields of the response, without `date`. */
  headers: Record<string, unknown> = {};
  readonly informational: number[] = [];
  hasEnded = false;
  /** The code of the reset once the stream is closed; 0 where it ended well. */
  reset: number | undefined;
  readonly #received: Buffer[] = [];

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    stream.on("headers", ({ ":status": status }) => this.informational.push(Number(status)));
    stream.on("response", ({ ":status": status, date: _date, ...headers }) => {
      this.status = Number(status);
      this.headers = Object.fromEntries(Object.entries(headers));
    });
    stream.on("data", (bytes: Buffer) => this.#received.push(bytes));
    stream.on("end", () => {
      this.hasEnded = true;
    });
    stream.on("error", () => {});
    stream.on("close", () => {
      this.reset = stream.rstCode;
    });
  }

  get received(): string {
    return Buffer.concat(this.#received).toString("latin1");
  }

  send(bytes: string | Uint8Array): this {
    this.stream.write(bytes);
    return this;
  }

  /** What was received, once it contains a text. */
  async until(text: string): Promise<string> {
    await eventually(() => {
      if (this.received.includes(text)) return true;
      if (this.reset !== undefined) throw new Error(`reset ${this.reset} after ${JSON.stringify(this.received)}`);
      return false;
    });
    return this.received;
  }

  /** Waits for the head of the response. */
  async answered(): Promise<this> {
    await eventually(() => this.status > 0 || this.reset !== undefined);
    return this;
  }

  /** Waits until the stream is closed. */
  async closed(): Promise<this> {
    await eventually(() => this.reset !== undefined);
    return this;
  }

  /** Gives it up. */
  leave(): void {
    this.stream.close(constants.NGHTTP2_CANCEL);
  }
}

/** Asks for a tunnel, as soon as the server has said that it has them. */
export async function openTunnel(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders = {},
): Promise<TunnelClient> {
  await eventually(() => session.remoteSettings?.enableConnectProtocol === true);
  return new TunnelClient(session.request({ ...OPENING, ...headers }, { endStream: false }));
}
