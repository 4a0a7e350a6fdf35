/** The body of a Fetch `Request` as `tsgi.input`. */

import { type InputSource, LateInput } from "../../body/late-input.ts";
import { bodyRead } from "../body-read.ts";

/**
 * The input of a Fetch request: nothing is read before the app asks for it. A body that was read before rejects with
 * `TSGI_BODY_READ`.
 */
export function streamInput(request: Request): AsyncIterableIterator<Uint8Array> {
  return new LateInput(() => openStream(request));
}

function openStream({ body, bodyUsed }: Request): InputSource {
  if (body === null || bodyUsed || body.locked) throw bodyRead("Pass request.clone() to the other reader.");
  const reader = body.getReader();
  return { next: () => reader.read() as ReturnType<InputSource["next"]>, return: () => reader.cancel() };
}
