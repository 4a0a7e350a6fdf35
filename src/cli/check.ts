/** `tsgi check`: runs an app through `lint` with a set of requests. */

import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { type RequestOptions, request } from "../testing.ts";
import { looksMistaken } from "./detect-app.ts";
import type { LoadedApp } from "./load-app.ts";
import { mountPoints } from "./mount-points.ts";

/** How long an app may take to answer, in milliseconds. An event stream is left after it. */
const ANSWER_TIMEOUT = 2000;

/** How many characters of a request are printed before its result. */
const COLUMN = 28;

interface Trial {
  readonly what: string;
  readonly target: string;
  readonly options?: RequestOptions;
}

/** What is asked of every path that the caller names. */
function trialsOf(path: string): Trial[] {
  const json = { headers: { "Content-Type": "application/json" }, body: "{}" };
  const browser = { Accept: "text/html", "Accept-Encoding": "gzip, br", Cookie: "a=b" };
  const query = path.includes("?") ? "&a=1&b=%20" : "?a=1&b=%20";
  return [
    { what: `GET ${path}`, target: path },
    { what: `HEAD ${path}`, target: path, options: { method: "HEAD" } },
    { what: `GET ${path} with a query`, target: path + query },
    { what: `GET ${path} as a browser`, target: path, options: { headers: browser } },
    {
      what: `GET ${path} if changed`,
      target: path,
      options: { headers: { "If-None-Match": "*", Range: "bytes=0-0" } },
    },
    {
      what: `POST ${path} with a form`,
      target: path,
      options: { method: "POST", body: new URLSearchParams({ name: "value" }) },
    },
    { what: `POST ${path} in chunks`, target: path, options: { method: "POST", body: ["a", "b"] } },
    { what: `PUT ${path} with JSON`, target: path, options: { method: "PUT", ...json } },
  ];
}

/** What is asked of every mount. */
function trialsOfMount(path: string): Trial[] {
  return [
    { what: `GET ${path}`, target: path },
    { what: `HEAD ${path}/`, target: `${path}/`, options: { method: "HEAD" } },
    {
      what: `POST ${path} with a form`,
      target: path,
      options: { method: "POST", body: new URLSearchParams({ name: "value" }) },
    },
    { what: `GET ${path}/tsgi-check`, target: `${path}/tsgi-check` },
  ];
}

/** What is asked of a site as a whole. */
const SITE: readonly Trial[] = [
  { what: "OPTIONS *", target: "*", options: { method: "OPTIONS" } },
  { what: "GET /tsgi-check/no/such/path", target: "/tsgi-check/no/such/path" },
  { what: "GET /%ff%2f..", target: "/%ff%2f.." },
  { what: "GET / mounted below /mount", target: "/", options: { environ: { SCRIPT_NAME: "/mount" } } },
  { what: "GET the mount itself", target: "/", options: { environ: { SCRIPT_NAME: "/mount", PATH_INFO: "" } } },
];

/**
 * check makes requests of an app and prints a line for each: of the paths given, or else of `/` and of every mount. Resolves
 * to 0 where the app keeps the contract throughout, else to 1.
 */
export async function check(
  { app, name, hint }: Pick<LoadedApp, "app" | "name" | "hint">,
  paths: readonly string[] = [],
): Promise<number> {
  const trials =
    paths.length > 0
      ? paths.flatMap(trialsOf)
      : [...trialsOf("/"), ...SITE, ...mountPoints(app).flatMap(trialsOfMount)];
  let failures = 0;
  let isMistaken = false;
  for (const { what, target, options } of trials) {
    const result = await attempt(app, target, options);
    if (!result.ok) failures++;
    isMistaken ||= looksMistaken(result.error);
    process.stdout.write(`${result.ok ? "ok    " : "FAILED"}  ${what.padEnd(COLUMN)} ${result.text}\n`);
  }
  process.stdout.write(
    failures === 0
      ? `${name} keeps the contract in ${trials.length} requests\n`
      : `${name} failed in ${failures} of ${trials.length} requests\n`,
  );
  if (isMistaken && hint !== undefined) process.stderr.write(hint);
  return failures === 0 ? 0 : 1;
}

interface Result {
  readonly ok: boolean;
  readonly text: string;
  /** What the request failed with. */
  readonly error?: unknown;
}

async function attempt(app: App, target: string, options: RequestOptions = {}): Promise<Result> {
  const leaving = new AbortController();
  const timer = setTimeout(() => leaving.abort(), ANSWER_TIMEOUT);
  const stray = catchStrayErrors();
  try {
    const response = await request(app, target, { ...options, signal: leaving.signal });
    const status = `${response.status} ${response.statusText}`;
    const length = await lengthOf(response, leaving.signal);
    // A rejection that nobody handles is announced once the microtasks have run.
    await new Promise((resolve) => setImmediate(resolve));
    const [error] = stray.errors;
    if (error !== undefined) return { ok: false, text: `${status}, and an error that nobody handles: ${error}` };
    return { ok: true, text: length === undefined ? `${status}, a stream that goes on` : `${status}, ${length} bytes` };
  } catch (error) {
    if (leaving.signal.aborted) return { ok: false, text: `no answer within ${ANSWER_TIMEOUT} ms` };
    return { ok: false, text: error instanceof TsgiError ? `${error.code}: ${error.message}` : String(error), error };
  } finally {
    stray.release();
    clearTimeout(timer);
  }
}

/** Collects what an app throws in a timer or leaves rejected, which would end the process otherwise. */
function catchStrayErrors(): { readonly errors: readonly string[]; release(): void } {
  const errors: string[] = [];
  const collect = (error: unknown) => errors.push(String(error));
  process.on("uncaughtException", collect).on("unhandledRejection", collect);
  return {
    errors,
    release() {
      process.off("uncaughtException", collect).off("unhandledRejection", collect);
    },
  };
}

/** The length of a body; undefined for one that has not ended when the client leaves. */
async function lengthOf(response: Response, leaving: AbortSignal): Promise<number | undefined> {
  let length = 0;
  const reader = response.body?.getReader();
  leaving.addEventListener("abort", () => reader?.cancel());
  for (;;) {
    const step = await reader?.read();
    if (leaving.aborted) return undefined;
    if (step === undefined || step.done) return length;
    length += step.value.byteLength;
  }
}
