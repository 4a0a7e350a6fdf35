/** A client that sends and receives frames of HTTP/2 as they are (RFC 9113 §4, §6). */

import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  GOAWAY,
  HEADERS,
  MOST,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from "../../src/server/http2/frames.ts";
import { eventually } from "./raw-client.ts";

export {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  GOAWAY,
  HEADERS,
  MOST as MOST_STREAMS,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
};

export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** The bytes of a frame; `length` says another length than the payload has. */
export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = Buffer.alloc(0),
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

/** Four bytes. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A SETTINGS frame. */
export function settings(...pairs: [id: number, value: number][]): Buffer {
  return frame(
    SETTINGS,
    0,
    0,
    Buffer.concat(pairs.map(([id, value]) => Buffer.concat([uint32(id).subarray(2), uint32(value)]))),
  );
}

/** Lines in HPACK: literals, which leave no trace in a table (RFC 7541 §6.2.2). */
export function block(lines: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(lines.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([length(bytes.length), bytes]);
}

/** A number with a prefix of seven bits (RFC 7541 §5.1). */
function length(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

type Line = readonly [name: string, value: string];

/** The pseudo-headers of a request. */
export function pseudo(method = "GET", path = "/", authority = "a"): Line[] {
  return [
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    [":authority", authority],
  ];
}

/** A whole request without a body. */
export function get(id: number, ...more: Line[]): Buffer {
  return frame(HEADERS, END_HEADERS | END_STREAM, id, block([...pseudo(), ...more]));
}

/** A request whose body is still to come. */
export function post(id: number, ...more: Line[]): Buffer {
  return frame(HEADERS, END_HEADERS, id, block([...pseudo("POST"), ...more]));
}

export class FrameClient {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  end: "end" | "reset" | undefined;
  /** Whether each PING is answered at once. */
  answersPings = false;
  /** Called with each frame that comes. */
  onFrame: ((one: Frame) => void) | undefined;
  #rest: Buffer = Buffer.alloc(0);

  /** Connects, and sends the preface unless told otherwise. */
  static open(port: number, greets = true, isSecure = false): Promise<FrameClient> {
    return new Promise((resolve, reject) => {
      const connected = () => {
        socket.off("error", reject);
        const client = new FrameClient(socket);
        if (greets) client.send(PREFACE, settings());
        resolve(client);
      };
      const socket = isSecure
        ? connectSecurely({ port, host: "127.0.0.1", ALPNProtocols: ["h2"], rejectUnauthorized: false }, connected)
        : connect(port, "127.0.0.1", connected);
      socket.once("error", reject);
    });
  }

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("end", () => {
      this.end ??= "end";
    });
    for (const event of ["error", "close"]) {
      socket.on(event, () => {
        this.end ??= "reset";
      });
    }
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 9) {
      const size = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < size) return;
      const [type, flags] = this.#rest.subarray(3, 5) as unknown as [number, number];
      const payload = this.#rest.subarray(9, size);
      const one = { type, flags, id: this.#rest.readUInt32BE(5), payload };
      this.frames.push(one);
      this.onFrame?.(one);
      if (this.answersPings && type === PING && flags === 0) this.send(frame(PING, ACK, 0, payload));
      this.#rest = this.#rest.subarray(size);
    }
  }

  send(...pieces: (string | Uint8Array)[]): this {
    for (const piece of pieces) this.socket.write(piece);
    return this;
  }

  /** The frames of a type, of one stream where that is given. */
  of(type: number, id?: number): Frame[] {
    return this.frames.filter((one) => one.type === type && (id === undefined || one.id === id));
  }

  /** Waits for a frame. */
  async until(type: number, id?: number, count = 1): Promise<Frame> {
    await eventually(() => {
      if (this.of(type, id).length >= count) return true;
      if (this.end !== undefined) throw new Error(`${this.end} after ${this.#seen()}`);
      return false;
    });
    return this.of(type, id)[count - 1] as Frame;
  }

  #seen(): string {
    return JSON.stringify(
      this.frames.map(({ type, flags, id, payload }) => [type, flags, id, payload.toString("hex")]),
    );
  }

  /** The body of a stream that has ended; its reset where it was reset. */
  async body(id: number): Promise<string | { reset: number }> {
    const ended = () =>
      this.frames.some((one) => one.id === id && one.type <= HEADERS && (one.flags & END_STREAM) !== 0);
    const reset = () => this.of(RST_STREAM, id)[0]?.payload.readUInt32BE(0);
    await eventually(() => {
      if (ended() || reset() !== undefined) return true;
      if (this.end !== undefined) throw new Error(`${this.end} after ${this.#seen()}`);
      return false;
    });
    const code = reset();
    if (!ended() && code !== undefined) return { reset: code };
    return Buffer.concat(this.of(DATA, id).map(({ payload }) => payload)).toString();
  }

  /** How the connection ended: the error of the last GOAWAY, if there was one. */
  async ended(): Promise<number | "end" | "reset"> {
    await eventually(() => this.end !== undefined);
    return this.of(GOAWAY).at(-1)?.payload.readUInt32BE(4) ?? (this.end as "end" | "reset");
  }
}
