/** The request body of a program: held in memory until the program starts, so that a slow upload occupies no process. */

import { NO_INPUT, readBytes } from "../../body/input.ts";
import type { Environ } from "../../gateway.ts";

/** A request body, and its length as the program is told it. */
export interface ProgramBody {
  readonly length: string | undefined;
  readonly input: AsyncIterable<Uint8Array>;
}

/**
 * Reads the request body, up to `limit` bytes; a declared longer one continues from the connection. Rejects with
 * `TSGI_BODY_TOO_LARGE`, a 413, if a body without a declared length exceeds the limit. `"stream"` reads nothing in advance.
 */
export async function bufferBody(environ: Environ, limit: number | "stream"): Promise<ProgramBody> {
  const { "tsgi.input": input, CONTENT_LENGTH: length } = environ;
  if (input === NO_INPUT || limit === "stream") return { length, input };
  if (length !== undefined) return { length, input: await bufferStart(input, Math.min(limit, Number(length))) };
  const bytes = await readBytes(environ, { limit });
  if (bytes.length === 0) return { length: undefined, input: NO_INPUT };
  return { length: String(bytes.length), input: continueWith([bytes], NO_INPUT[Symbol.asyncIterator]()) };
}

/** The same input, after its first `size` bytes have arrived. */
async function bufferStart(input: AsyncIterable<Uint8Array>, size: number): Promise<AsyncIterable<Uint8Array>> {
  const rest = input[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  for (let held = 0; held < size; ) {
    const step = await rest.next();
    if (step.done) break;
    chunks.push(step.value);
    held += step.value.byteLength;
  }
  return continueWith(chunks, rest);
}

async function* continueWith(
  chunks: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncIterable<Uint8Array> {
  try {
    yield* chunks;
    for (let step = await rest.next(); !step.done; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
  }
}
