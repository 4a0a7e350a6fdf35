/** An error page for a program: problem details (RFC 9457). */

import { type Failure, headingOf } from "./failure.ts";
import type { Report } from "./report.ts";
import type { Frame } from "./stack.ts";

/** The report as JSON. */
export function jsonPage({ status, request, failure, passed, mount, environ }: Report): string {
  const problem = {
    type: "about:blank",
    title: status.slice(4),
    status: Number(status.slice(0, 3)),
    detail: headingOf(failure),
    request,
    mount,
    passed: passed.map(({ name, label }) => (label === undefined ? { name } : { name, label })),
    error: failureValue(failure),
    environ: Object.fromEntries(environ),
  };
  return `${JSON.stringify(problem, null, 2)}\n`;
}

function failureValue({ relation, name, message, details, frames, inner }: Failure): object {
  return {
    ...(relation === "" ? {} : { relation }),
    ...(name === "" ? {} : { name }),
    message,
    ...(details.length === 0 ? {} : { details: Object.fromEntries(details) }),
    frames: frames.map(frameValue),
    ...(inner.length === 0 ? {} : { inner: inner.map(failureValue) }),
  };
}

function frameValue({ text, called, place, owner }: Frame): object {
  return place === undefined ? { text, owner } : { function: called, ...place, ...(owner === "" ? {} : { owner }) };
}
