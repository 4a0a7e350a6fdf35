/**
 * The text of a page, one character for each byte. All of HTML's own characters are ASCII, and in every charset but a few these are
 * single bytes that occur in no other character (WHATWG Encoding Standard §4.2): a page can be taken apart, and put together again
 * byte for byte, without decoding it. What is read of it is decoded, and what is put in is encoded.
 */

import { toBytes } from "../../src/body/chunk.ts";
import { escapeHtml } from "../../src/escape.ts";
import type { Chunk } from "../../src/gateway.ts";
import { type Parse5, SILENT } from "./package.ts";

const ASCII = /^[\0-\x7f]*$/;

const hasBuffer = typeof Buffer === "function";

/** A chunk as text, one character for each byte. */
export function toBinary(chunk: Chunk): string {
  if (typeof chunk === "string" && ASCII.test(chunk)) return chunk;
  const bytes = toBytes(chunk);
  if (hasBuffer) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

/** Such text as bytes. */
export function fromBinary(text: string): Uint8Array {
  return hasBuffer ? Buffer.from(text, "latin1") : Uint8Array.from(text, (char) => char.charCodeAt(0));
}

export class Page {
  readonly #parse5: Parse5;
  #charset: string;
  #isUtf8: boolean;
  #decoder: InstanceType<typeof TextDecoder> | undefined;

  /** `charset` is the one that the headers name. */
  constructor(parse5: Parse5, charset: string | undefined) {
    this.#parse5 = parse5;
    this.#charset = charset ?? "utf-8";
    this.#isUtf8 = /^utf-?8$/i.test(this.#charset);
  }

  /** The charset that the page itself names, where its headers do not (HTML Standard §13.2.3.2). */
  useCharset(label: string): void {
    try {
      const { encoding } = new TextDecoder(label);
      // A page that could say so in ASCII is not in UTF-16.
      this.#charset = encoding.startsWith("utf-16") ? "utf-8" : encoding;
      this.#isUtf8 = this.#charset === "utf-8";
      this.#decoder = undefined;
    } catch {
      // An unknown label counts as none.
    }
  }

  /** The value of an attribute as text: of one with references resolved, and `rawOf` gives how it stands in the page. */
  textOf(value: string, rawOf: () => string): string {
    if (ASCII.test(value)) return value;
    const raw = rawOf();
    // What is beyond ASCII may come from a reference, or be bytes of the charset.
    if (ASCII.test(raw)) return value;
    this.#decoder ??= new TextDecoder(this.#charset, { ignoreBOM: true });
    // In one go, Node 20 takes windows-1252 for ISO 8859-1.
    const text = this.#decoder.decode(fromBinary(raw), { stream: true }) + this.#decoder.decode();
    return attributeOf(text, this.#parse5);
  }

  /** Text of an attribute or of content as it stands in the page. */
  escaped(text: string): string {
    return this.markup(escapeHtml(text));
  }

  /** Markup as it stands in the page: what another charset than UTF-8 may not have becomes a character reference. */
  markup(html: string): string {
    if (ASCII.test(html)) return html;
    if (this.#isUtf8) return toBinary(html);
    return html.replace(/[^\0-\x7f]/gu, (char) => `&#${char.codePointAt(0)};`);
  }
}

/** The value of the only attribute of a tag that is written like this. */
function attributeOf(raw: string, { Tokenizer }: Parse5): string {
  let value = "";
  const tokenizer = new Tokenizer(
    { sourceCodeLocationInfo: false },
    {
      ...SILENT,
      onStartTag({ attrs }) {
        value = attrs[0]?.value ?? "";
      },
    },
  );
  tokenizer.write(`<a ${raw} >`, true);
  return value;
}
