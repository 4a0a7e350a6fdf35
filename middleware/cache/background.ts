/** Requests that a cache makes for itself, after the response to its client. */

import { NO_INPUT } from "../../src/body/input.ts";
import { BodyReader } from "../../src/body/reader.ts";
import { reportError, writeError } from "../../src/exchange/report.ts";
import type { Body, Environ, Exchange } from "../../src/gateway.ts";
import { callOut } from "../../src/promise.ts";

/** How long such a request may take, in milliseconds. */
const PATIENCE = 30_000;

/** The request of a client, for the whole of what it asks for, without the client. */
export function detached(environ: Environ): Environ {
  const { reporter } = environ["tsgi.exchange"];
  const exchange: Exchange = {
    report: (error) => (reporter === undefined ? writeError(alone, error) : reporter(error, alone)),
  };
  const alone: Environ = {
    ...environ,
    REQUEST_METHOD: "GET",
    HTTP_IF_NONE_MATCH: undefined,
    HTTP_IF_MODIFIED_SINCE: undefined,
    HTTP_RANGE: undefined,
    HTTP_IF_RANGE: undefined,
    "tsgi.input": NO_INPUT,
    "tsgi.exchange": exchange,
    "tsgi.state": {},
  } as Environ;
  return alone;
}

/** Reads a body as long as somebody needs what it gives, and closes it. Never rejects. */
export async function drain(body: Body, environ: Environ, isNeeded: () => boolean): Promise<void> {
  const report = (error: unknown): void => reportError(environ, error);
  try {
    const reader = new BodyReader(body);
    const close = (): void => callOut(() => reader.close(), report);
    const timer = setTimeout(close, PATIENCE);
    (timer as Partial<NodeJS.Timeout>).unref?.();
    try {
      while (isNeeded() && (await reader.next()) !== undefined);
    } finally {
      clearTimeout(timer);
      close();
    }
  } catch (error) {
    report(error);
  }
}
