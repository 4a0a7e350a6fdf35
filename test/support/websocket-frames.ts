/** Frames of WebSockets as bytes, for what no library would send (RFC 6455 §5.2). */

import { randomBytes } from "node:crypto";

/** The header lines of an opening handshake. */
export const HANDSHAKE: readonly string[] = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** What the key of `HANDSHAKE` is answered with (RFC 6455 §1.3). */
export const ACCEPTED = `HTTP/1.1 101 Switching Protocols\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r
`;

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export interface FrameOptions {
  /** Default true. */
  readonly isFinal?: boolean;
  /** Default true, as clients have to. */
  readonly isMasked?: boolean;
  /** What the frame says its length is. Default that of the payload. */
  readonly length?: number;
  /** Bits that no extension has given a meaning. Default 0. */
  readonly reserved?: number;
}

/** One frame. */
export function frame(opcode: number, payload: string | Uint8Array = "", options: FrameOptions = {}): Buffer {
  const { isFinal = true, isMasked = true, reserved = 0 } = options;
  const bytes = Buffer.from(payload as string);
  const { length = bytes.length } = options;
  const head = [(isFinal ? 0x80 : 0) | (reserved << 4) | opcode];
  const mask = isMasked ? 0x80 : 0;
  if (length < 126) head.push(mask | length);
  else if (length < 65_536) head.push(mask | 126, length >> 8, length & 255);
  else {
    const long = Buffer.alloc(8);
    long.writeBigUInt64BE(BigInt(length));
    head.push(mask | 127, ...long);
  }
  if (!isMasked) return Buffer.concat([Buffer.from(head), bytes]);
  const key = randomBytes(4);
  const masked = bytes.map((byte, index) => byte ^ (key[index & 3] as number));
  return Buffer.concat([Buffer.from(head), key, masked]);
}

/** A frame that a server has sent. */
export interface Received {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The whole frames in what a server has sent after its head. */
export function framesIn(bytes: Buffer): Received[] {
  const frames: Received[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = (bytes[at + 1] as number) & 127;
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
    if (start > bytes.length) break;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if (start + length > bytes.length) break;
    frames.push({ opcode: (bytes[at] as number) & 15, payload: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return frames;
}

/** The code of the close frame among what a server has sent, head included, as Latin-1; undefined where there is none. */
export function closeCodeIn(received: string): number | undefined {
  const bytes = Buffer.from(received.slice(received.indexOf("\r\n\r\n") + 4), "latin1");
  return framesIn(bytes)
    .find(({ opcode }) => opcode === CLOSE)
    ?.payload.readUInt16BE(0);
}

/** The texts among what a server has sent. */
export function textsIn(received: string): string[] {
  const bytes = Buffer.from(received.slice(received.indexOf("\r\n\r\n") + 4), "latin1");
  return framesIn(bytes).flatMap(({ opcode, payload }) => (opcode === TEXT ? [String(payload)] : []));
}
