/** The beginning of a body, read before there is a response. */

import { toBytes } from "../../src/body/chunk.ts";
import { Gathering } from "../../src/body/gathering.ts";
import { type ChunkReader, failAfter } from "../../src/body/reader.ts";
import { clientGone } from "../../src/errors.ts";
import type { Environ } from "../../src/gateway.ts";
import { callOut } from "../../src/promise.ts";

/** What was read of a body. */
export interface Beginning {
  readonly bytes: Uint8Array;
  /** Whether that is all of it. */
  readonly isWhole: boolean;
}

/**
 * readAhead reads a body until `isEnough` says so, or to its end; an empty chunk, which means "flush", ends it as well where
 * `mayFlush`. Nobody else closes a body as long as there is no response: it is closed where it fails, and where the client leaves.
 */
export async function readAhead(
  reader: ChunkReader,
  environ: Environ,
  isEnough: (length: number) => boolean,
  mayFlush = false,
): Promise<Beginning> {
  let isGone = false;
  environ["tsgi.exchange"].onAbort?.(() => {
    isGone = true;
    // The body is no longer wanted: an error of closing it is the reader's own next failure.
    callOut(
      () => reader.close(),
      () => {},
    );
  });
  const gathering = new Gathering();
  try {
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
      const bytes = toBytes(chunk);
      gathering.add(bytes);
      if (isEnough(gathering.length) || (mayFlush && bytes.byteLength === 0)) {
        return { bytes: gathering.join(), isWhole: false };
      }
    }
  } catch (error) {
    return failAfter(() => reader.close(), error);
  }
  if (isGone) throw clientGone();
  return { bytes: gathering.join(), isWhole: true };
}
