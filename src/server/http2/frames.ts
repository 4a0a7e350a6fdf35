/** The frames of HTTP/2 (RFC 9113 §4, §6, §7). */

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const ACK = 1;
export const END_STREAM = 1;
export const END_HEADERS = 4;
export const PADDED = 8;
export const WITH_PRIORITY = 32;

/** Error codes. `NO_ERROR` also stands for "nothing is wrong". */
export const NO_ERROR = 0;
export const PROTOCOL_ERROR = 1;
export const INTERNAL_ERROR = 2;
export const FLOW_CONTROL_ERROR = 3;
export const STREAM_CLOSED = 5;
export const FRAME_SIZE_ERROR = 6;
export const REFUSED_STREAM = 7;
export const CANCEL = 8;
export const COMPRESSION_ERROR = 9;
export const ENHANCE_YOUR_CALM = 11;

/** Settings (§6.5.2, RFC 8441 §3). */
export const HEADER_TABLE_SIZE = 1;
export const ENABLE_PUSH = 2;
export const MAX_CONCURRENT_STREAMS = 3;
export const INITIAL_WINDOW_SIZE = 4;
export const MAX_FRAME_SIZE = 5;
export const MAX_HEADER_LIST_SIZE = 6;
export const ENABLE_CONNECT_PROTOCOL = 8;

/** The largest number of a stream, and of a window. */
export const MOST: number = 2 ** 31 - 1;

/** How much a frame holds that is sent either way, without its head: what everybody has to take. */
export const MOST_IN_FRAME = 16_384;

/** How large each window is at first. */
export const FIRST_WINDOW = 65_535;

/** frameHead gives the head of a frame as text of which each character is a byte. */
export function frameHead(length: number, type: number, flags: number, id: number): string {
  return String.fromCharCode(
    length >> 16,
    (length >> 8) & 255,
    length & 255,
    type,
    flags,
    id >>> 24,
    (id >> 16) & 255,
    (id >> 8) & 255,
    id & 255,
  );
}

/** uint32 gives a number as text of four characters. */
export function uint32(value: number): string {
  return String.fromCharCode((value >>> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255);
}

/** setting gives one setting of a SETTINGS frame. */
export function setting(id: number, value: number): string {
  return String.fromCharCode(id >> 8, id & 255) + uint32(value);
}
