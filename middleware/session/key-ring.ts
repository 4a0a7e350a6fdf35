/** Text that is sealed with a secret, without which it cannot be read, changed or made. */

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { BoundedMap } from "../../src/bounded-map.ts";

const ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const OVERHEAD = ID_BYTES + NONCE_BYTES + TAG_BYTES;

/** How many texts are remembered: to open one costs 5 to 25 µs, most of it to set up the cipher. */
const REMEMBERED = 1000;

/** What was sealed. */
export interface Opened {
  readonly text: string;
  /** Whether the secret is not the first of the ring any more. */
  readonly isOld: boolean;
}

interface Key {
  /** By it a text tells which secret it was sealed with. */
  readonly id: number;
  readonly bytes: Uint8Array;
}

/**
 * KeyRing seals with the first of its secrets, and opens what was sealed with any of them, by AES-256-GCM. What was sealed for one
 * purpose is not opened for another. The nonce is random, so a secret is good for 2^32 texts (NIST SP 800-38D §8.3).
 */
export class KeyRing {
  readonly #keys: readonly Key[];
  readonly #opened: BoundedMap<string, Opened> = new BoundedMap(REMEMBERED);

  constructor(secrets: readonly string[], purpose: string) {
    this.#keys = secrets.map((secret) => derive(secret, purpose));
  }

  seal(text: string): string {
    const { id, bytes } = this.#keys[0] as Key;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", bytes, nonce);
    const sealed = Buffer.allocUnsafe(ID_BYTES);
    sealed.writeUInt32BE(id);
    const encrypted = cipher.update(text, "utf8");
    cipher.final();
    return Buffer.concat([sealed, nonce, encrypted, cipher.getAuthTag()]).toString("base64url");
  }

  /** What a client has sent, opened; undefined for what was not sealed here. */
  open(sealed: string): Opened | undefined {
    const known = this.#opened.get(sealed);
    if (known !== undefined) return known;
    const opened = this.#decrypt(Buffer.from(sealed, "base64url"));
    if (opened !== undefined) this.#opened.set(sealed, opened);
    return opened;
  }

  #decrypt(bytes: Buffer): Opened | undefined {
    if (bytes.length < OVERHEAD) return undefined;
    const id = bytes.readUInt32BE();
    for (const [index, key] of this.#keys.entries()) {
      const text = key.id === id ? decrypted(bytes, key) : undefined;
      if (text !== undefined) return { text, isOld: index > 0 };
    }
    return undefined;
  }
}

/** Each purpose has a key of its own (RFC 5869). */
function derive(secret: string, purpose: string): Key {
  const bytes = Buffer.from(hkdfSync("sha256", secret, "", `tsgi ${purpose}`, KEY_BYTES + ID_BYTES));
  return { id: bytes.readUInt32BE(KEY_BYTES), bytes: bytes.subarray(0, KEY_BYTES) };
}

function decrypted(bytes: Buffer, key: Key): string | undefined {
  const end = bytes.length - TAG_BYTES;
  const nonce = bytes.subarray(ID_BYTES, ID_BYTES + NONCE_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key.bytes, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(end));
  const text = decipher.update(bytes.subarray(ID_BYTES + NONCE_BYTES, end));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return text.toString("utf8");
}
