/** Entity tags of contents. */

import { joinBytes, toBytes } from "../../src/body/chunk.ts";
import type { Chunk } from "../../src/gateway.ts";

/** What of `node:crypto` is used where the runtime has it: it hashes synchronously. */
const { hash, createHash } = globalThis.process?.getBuiltinModule?.("crypto") ?? {};

/** A strong tag of a body; of the SHA-256 of its bytes, 22 characters hold 132 bits. */
export const contentTag: (chunks: readonly Chunk[]) => string | Promise<string> =
  createHash === undefined ? slowTag : fastTag;

function fastTag(chunks: readonly Chunk[]): string {
  const [only = ""] = chunks;
  if (chunks.length < 2 && hash !== undefined) return tagOf(hash("sha256", only, "base64url"));
  const hashing = (createHash as NonNullable<typeof createHash>)("sha256");
  for (const chunk of chunks) hashing.update(chunk);
  return tagOf(hashing.digest("base64url"));
}

async function slowTag(chunks: readonly Chunk[]): Promise<string> {
  const bytes = joinBytes(chunks.map(toBytes));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return tagOf(
    btoa(String.fromCharCode(...digest))
      .replaceAll("+", "-")
      .replaceAll("/", "_"),
  );
}

function tagOf(text: string): string {
  return `"${text.slice(0, 22)}"`;
}
