/** `tsgi check`: runs an app through `lint` with a set of requests. */

import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { type RequestOptions, request } from "../testing.ts";

/** How long an app may take to answer before its answer is given up, in milliseconds: an event stream never ends. */
const PATIENCE = 2000;

const REQUESTS: readonly [what: string, target: string, options?: RequestOptions][] = [
  ["GET /", "/"],
  ["HEAD /", "/", { method: "HEAD" }],
  ["GET / with a query", "/?a=1&b=%20"],
  ["GET / as a browser", "/", { headers: { Accept: "text/html", "Accept-Encoding": "gzip, br", Cookie: "a=b" } }],
  ["GET / if changed", "/", { headers: { "If-None-Match": "*", Range: "bytes=0-0" } }],
  ["POST / with a form", "/", { method: "POST", body: new URLSearchParams({ name: "value" }) }],
  ["POST / in chunks", "/", { method: "POST", body: ["a", "b"] }],
  ["PUT / with JSON", "/", { method: "PUT", headers: { "Content-Type": "application/json" }, body: "{}" }],
  ["OPTIONS *", "*", { method: "OPTIONS" }],
  ["GET where nothing is", "/tsgi-check/no/such/path"],
  ["GET /%ff%2f..", "/%ff%2f.."],
  ["GET / mounted below /mount", "/", { environ: { SCRIPT_NAME: "/mount" } }],
  ["GET the mount itself", "/", { environ: { SCRIPT_NAME: "/mount", PATH_INFO: "" } }],
];

/** Reports a line for each request; 0 where the app keeps the contract throughout, else 1. */
export async function check(app: App, name: string): Promise<number> {
  let failures = 0;
  for (const [what, target, options] of REQUESTS) {
    const result = await attempt(app, target, options);
    if (!result.ok) failures++;
    process.stdout.write(`${result.ok ? "ok    " : "FAILED"}  ${what.padEnd(28)} ${result.text}\n`);
  }
  process.stdout.write(
    failures === 0
      ? `${name} keeps the contract in ${REQUESTS.length} requests\n`
      : `${name} failed in ${failures} of ${REQUESTS.length} requests\n`,
  );
  return failures === 0 ? 0 : 1;
}

async function attempt(app: App, target: string, options: RequestOptions = {}): Promise<{ ok: boolean; text: string }> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE);
  try {
    const response = await request(app, target, { ...options, signal: patience.signal });
    const status = `${response.status} ${response.statusText}`;
    const length = await lengthOf(response, patience.signal);
    return { ok: true, text: length === undefined ? `${status}, a stream that goes on` : `${status}, ${length} bytes` };
  } catch (error) {
    if (patience.signal.aborted) return { ok: false, text: `no answer within ${PATIENCE} ms` };
    return { ok: false, text: error instanceof TsgiError ? `${error.code}: ${error.message}` : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** The length of a body; undefined for one that had not ended when patience did. */
async function lengthOf(response: Response, signal: AbortSignal): Promise<number | undefined> {
  let length = 0;
  const reader = response.body?.getReader();
  signal.addEventListener("abort", () => reader?.cancel());
  for (;;) {
    const step = await reader?.read();
    if (signal.aborted) return undefined;
    if (step === undefined || step.done) return length;
    length += step.value.byteLength;
  }
}
