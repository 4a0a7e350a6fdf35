/** The body of a request of any Node server as `tsgi.input`. */

import type { IncomingMessage } from "node:http";
import { type InputSource, LateInput } from "../../body/late-input.ts";
import { bodyRead } from "../body-read.ts";

/**
 * The input of a Node request: nothing is read before the app asks for it. A body that was read before rejects with
 * `TSGI_BODY_READ`.
 */
export function requestInput(request: IncomingMessage): AsyncIterableIterator<Uint8Array> {
  return new LateInput(() => openRequest(request));
}

/** Opens the body of a request. Throws `TSGI_BODY_READ`. */
export function openRequest(request: IncomingMessage): InputSource {
  if (request.readableDidRead) throw bodyRead();
  // An app that stops reading may still answer, so the request must not be destroyed with its connection.
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
  return {
    async next() {
      if (request.destroyed) return leftOver(request) ?? chunks.next();
      try {
        return await chunks.next();
      } catch (error) {
        const step = leftOver(request);
        if (step === undefined) throw error;
        return step;
      }
    },
    return: () => chunks.return?.(),
  };
}

/**
 * What is left of a body that had arrived whole before the client left: Node destroys such a request, but keeps its chunks.
 * Undefined for any other; `complete` of HTTP/2 is true for an aborted request, too.
 */
function leftOver(request: IncomingMessage): IteratorResult<Uint8Array, undefined> | undefined {
  if (!request.complete || request.httpVersionMajor > 1) return undefined;
  const chunk = request.read() as Uint8Array | null;
  return chunk === null ? { done: true, value: undefined } : { done: false, value: chunk };
}
