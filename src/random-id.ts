/** Random ids in hexadecimal, for requests and traces: many of them cost one call of the system. */

const POOL = new Uint8Array(4096);

/** The digits of bytes, as one piece: what is cut out of it is made without a copy. */
const digitsOf: (bytes: Uint8Array) => string =
  typeof Buffer === "function"
    ? (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")
    : (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const ZERO = 48;

let digits = "";
let used = 0;

/** A random id of 8 or 16 bytes, in hexadecimal; never all zeros. */
export function randomId(bytes: 8 | 16): string {
  const start = used;
  used += 2 * bytes;
  if (used > digits.length) {
    crypto.getRandomValues(POOL);
    digits = digitsOf(POOL);
    used = 0;
    return randomId(bytes);
  }
  const id = digits.slice(start, used);
  return id.charCodeAt(0) !== ZERO || /[^0]/.test(id) ? id : randomId(bytes);
}
