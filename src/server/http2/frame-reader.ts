/** Finds the frames in what a client sends (RFC 9113 §3.4, §4.1). It knows bytes and nothing else. */

import { FRAME_SIZE_ERROR, MOST_IN_FRAME, NO_ERROR, PROTOCOL_ERROR } from "./frames.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const HEAD = 9;
const NOTHING = Buffer.alloc(0);

/** FrameReader gives whole frames, one after the other, however they are cut. */
export class FrameReader {
  type = 0;
  flags = 0;
  /** The stream; 0 for the connection. */
  id = 0;
  /** Where the payload is. The bytes are the frame's alone, or those that were pushed. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** What is wrong with what has come; nothing is read after it. */
  error: number = NO_ERROR;
  #pushed: Buffer = NOTHING;
  #at = 0;
  /** How much of the preface has come. */
  #greeted = 0;
  /** A frame, or its head, that has come in part. */
  #part: Buffer | undefined;
  #filled = 0;

  /** Takes more bytes, after all that came before were read. */
  push(bytes: Buffer): void {
    this.#pushed = bytes;
    this.#at = 0;
    while (this.#greeted < PREFACE.length && this.#at < bytes.length) {
      if (bytes[this.#at++] === PREFACE[this.#greeted++]) continue;
      this.error = PROTOCOL_ERROR;
      break;
    }
  }

  /** Reads the next frame; false where it has not come as a whole. */
  read(): boolean {
    if (this.error !== NO_ERROR) return false;
    if (this.#part !== undefined) return this.#complete();
    const bytes = this.#pushed;
    const at = this.#at;
    const left = bytes.length - at;
    if (left < HEAD) {
      if (left > 0) this.#keep(Buffer.allocUnsafe(HEAD));
      return false;
    }
    const length = this.#lengthAt(bytes, at);
    if (length < 0) return false;
    if (left < HEAD + length) {
      this.#keep(Buffer.allocUnsafe(HEAD + length));
      return false;
    }
    this.#at = at + HEAD + length;
    this.#take(bytes, at, this.#at);
    return true;
  }

  /** Lets go of what was pushed, which may be part of something larger. */
  forget(): void {
    this.#pushed = NOTHING;
    this.bytes = NOTHING;
    this.#at = 0;
  }

  #lengthAt(bytes: Buffer, at: number): number {
    const length = bytes.readUIntBE(at, 3);
    if (length <= MOST_IN_FRAME) return length;
    this.error = FRAME_SIZE_ERROR;
    return -1;
  }

  #take(bytes: Buffer, at: number, end: number): void {
    this.type = bytes[at + 3] as number;
    this.flags = bytes[at + 4] as number;
    this.id = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
    this.bytes = bytes;
    this.start = at + HEAD;
    this.end = end;
  }

  /** Fills a part with what is there. */
  #keep(part: Buffer): void {
    this.#part = part;
    this.#filled = 0;
    this.#fill(part);
  }

  #fill(part: Buffer): boolean {
    const copied = this.#pushed.copy(part, this.#filled, this.#at);
    this.#filled += copied;
    this.#at += copied;
    return this.#filled === part.length;
  }

  #complete(): boolean {
    let part = this.#part as Buffer;
    if (!this.#fill(part)) return false;
    if (part.length === HEAD) {
      const length = this.#lengthAt(part, 0);
      if (length < 0) return false;
      if (length > 0) {
        const whole = Buffer.allocUnsafe(HEAD + length);
        part.copy(whole);
        this.#part = part = whole;
        if (!this.#fill(part)) return false;
      }
    }
    this.#part = undefined;
    this.#take(part, 0, part.length);
    return true;
  }
}
