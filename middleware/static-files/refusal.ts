/** Responses without content of their own, and the errors that become one. */

import { escapeControls } from "../../src/escape.ts";
import type { AppResponse, Environ, HeaderList, StatusLine } from "../../src/gateway.ts";
import { callOut } from "../../src/promise.ts";
import { isChanged } from "./open-file.ts";

/** A response whose body is its reason phrase. */
export function refusal(status: StatusLine, headers: HeaderList = []): AppResponse {
  const body = `${status.slice("403 ".length)}\n`;
  return { status, headers: [["Content-Type", "text/plain; charset=utf-8"], ...headers], body };
}

const DENIED = new Set(["EACCES", "EPERM"]);
const EXHAUSTED = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/** The response to a request that failed in the file system, which is reported; rethrows all other errors. */
export function refusalFor(error: unknown, environ: Environ): AppResponse {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const isTemporary = EXHAUSTED.has(code) || isChanged(error);
  if (!isTemporary && !DENIED.has(code)) throw error;
  report(environ, message);
  return isTemporary ? refusal("503 Service Unavailable", [["Retry-After", "1"]]) : refusal("403 Forbidden");
}

/** Writes a line to `tsgi.errors`. Never throws. */
export function report({ REQUEST_METHOD, REQUEST_URI, "tsgi.errors": errors }: Environ, text: string): void {
  callOut(
    () => errors.write(`${REQUEST_METHOD} ${REQUEST_URI}: ${escapeControls(text)}\n`),
    () => {},
  );
}
