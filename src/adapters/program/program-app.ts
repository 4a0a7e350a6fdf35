/** An app whose responses a program writes: the part that CGI and FastCGI have in common. */

import { text } from "../../apps.ts";
import { toStream } from "../../body/stream.ts";
import { TsgiError } from "../../errors.ts";
import { ConcurrencyLimit } from "../../exchange/concurrency-limit.ts";
import type { App, Body, Environ, ErrorStream, StartResponse } from "../../gateway.ts";
import { count, either, FUNCTION, type Kinds, OBJECT, oneOf } from "../../options.ts";
import { callOut } from "../../promise.ts";
import { serviceUnavailable } from "./errors.ts";
import type { ProgramHead } from "./program-head.ts";
import { ProgramOutput } from "./program-output.ts";
import type { ProgramRun } from "./program-run.ts";
import { bufferBody } from "./request-body.ts";
import { checkVariables, type ExtraVariables, type Variables, variablesOf } from "./variables.ts";

/** Options of `cgi` and `fastcgi`. */
export interface ProgramOptions {
  /**
   * Variables in addition to those of the request, or a function `(environ) => variables`. They come last, so one of them
   * replaces a variable of the request. Default none.
   */
  env?: ExtraVariables;
  /**
   * How long the program may make no progress, in milliseconds: neither read nor write while the gateway waits for it, or go
   * on after it has closed its output. A request queues for as long. Default 60,000. Then the program is ended: the response
   * is a 504, or is cut if its head was sent; a request that queued gets a 503.
   */
  timeout?: number;
  /**
   * How much of a request body is held in memory before the program starts, in bytes, so that a slow upload occupies no
   * process. A declared longer body is streamed from there; one without a length is a 413, since programs read as many bytes
   * as `CONTENT_LENGTH` says. `"stream"` holds nothing and passes each body on as it comes, without `CONTENT_LENGTH` if the
   * client sent none: for programs that read to the end, or that answer before. Default 1 MiB.
   */
  bufferLimit?: number | "stream";
}

/** The longest time that a timer of the platform measures, in milliseconds. */
export const MAX_TIME = 2_147_483_647;

/** What the options of a program may be. */
export const PROGRAM_OPTIONS: Kinds<ProgramOptions> = {
  env: either(OBJECT, FUNCTION),
  timeout: count(1, MAX_TIME),
  bufferLimit: either(count(), oneOf("stream")),
};

/** How an adapter runs programs. */
export interface ProgramSetup {
  /** The name of the program in error texts. */
  readonly name: string;
  /** How many requests run at once, and the name of the option that says so. */
  readonly limit: readonly [count: number, option: string];
  /** Starts a run. `errors` never throws. */
  start(variables: Variables, errors: ErrorStream): ProgramRun;
}

/** How many requests may queue for each one that runs. */
const QUEUED_PER_RUNNING = 16;

/** Makes the app. The caller has checked the options by `PROGRAM_OPTIONS`; this checks the variables. */
export function programApp({ name, limit: [most, option], start }: ProgramSetup, options: ProgramOptions): App {
  const { env = {}, timeout = 60_000, bufferLimit = 1_048_576 } = options;
  if (typeof env !== "function") checkVariables(env);
  const limit = new ConcurrencyLimit({
    limit: most,
    queue: most * QUEUED_PER_RUNNING,
    maxWait: timeout,
    overloaded: () => serviceUnavailable(`all ${most} are busy`, `Raise \`${option}\` if the machine can take more.`),
  });

  return async function program(environ, startResponse) {
    const errors = safeErrors(environ);
    let run: ProgramRun | undefined;
    let response: [ProgramHead, ProgramOutput];
    try {
      const body = await bufferBody(environ, bufferLimit);
      const variables = variablesOf(environ, body.length, env);
      if (variables === undefined) return notFound(environ, startResponse);
      await limit.acquire(environ["tsgi.exchange"]);
      const started = startRun(variables, errors);
      run = started;
      const output = new ProgramOutput(name, started, timeout);
      environ["tsgi.exchange"].onAbort?.(() => started.stop());
      // A program need not read all of its input.
      started.feed(output.watch(body.input)).catch(() => {});
      response = [await output.head(), output];
    } catch (error) {
      run?.stop();
      if (!(error instanceof TsgiError) || !error.status?.startsWith("5")) throw error;
      errors.write(`${name}: ${error.message}\n`);
      return text(`${error.status.slice(4)}\n`, { status: error.status })(environ, startResponse);
    }
    return sendOutput(response, run, startResponse);
  };

  /** Starts a run on the place that the request has acquired, which is released when the run is over. */
  function startRun(variables: Variables, errors: ErrorStream): ProgramRun {
    try {
      const run = start(variables, errors);
      void run.over.then(() => limit.release());
      return run;
    } catch (error) {
      limit.release();
      throw error;
    }
  }
}

const notFound: App = text("Not Found\n", { status: "404 Not Found" });

/** A program whose output is not read would wait for ever, so it is ended where its response is refused. */
function sendOutput([head, output]: [ProgramHead, ProgramOutput], run: ProgramRun, startResponse: StartResponse): Body {
  try {
    startResponse(head.status, head.headers);
  } catch (error) {
    run.stop();
    throw error;
  }
  return toStream(output);
}

/** The log of a request for text that comes in callbacks: a log that fails must not end the process. */
function safeErrors(environ: Environ): ErrorStream {
  return {
    write: (text) =>
      callOut(
        () => environ["tsgi.errors"].write(text),
        () => {},
      ),
  };
}
