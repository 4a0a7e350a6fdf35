/** The first of the two GOAWAY frames of a graceful shutdown (RFC 9113 §6.8). */

const GOAWAY = 7;
const MOST_STREAMS = 2 ** 31 - 1;

/** GOAWAY without an error, which allows all streams that the client has opened by the time that it reads it. */
export const CLOSING_NOTICE: Uint8Array = notice();

function notice(): Uint8Array {
  const frame = Buffer.alloc(17);
  frame.writeUIntBE(8, 0, 3);
  frame[3] = GOAWAY;
  frame.writeUInt32BE(MOST_STREAMS, 9);
  return frame;
}
