/** An app whose answers a program writes: the part that CGI and FastCGI have in common. */

import { text } from "../../apps.ts";
import { readBytes } from "../../body/input.ts";
import { toStream } from "../../body/stream.ts";
import { TsgiError } from "../../errors.ts";
import { NO_INPUT } from "../../exchange/environ.ts";
import type { App, Environ } from "../../gateway.ts";
import { ConcurrencyLimit } from "./concurrency-limit.ts";
import { ProgramOutput } from "./program-output.ts";
import type { ProgramRun } from "./program-run.ts";
import { type ExtraVariables, type Variables, variablesOf } from "./variables.ts";

/** Options that both have. */
export interface ProgramOptions {
  /** Variables beside those of the request, or `(environ) => variables`. They come last: one of them replaces another. */
  env?: ExtraVariables;
  /**
   * How long the program may neither read nor write while the gateway waits for it, in milliseconds; a request waits as long
   * for its turn. Default 60,000. Then it is ended: 504, or the connection is cut where the head was sent.
   */
  timeout?: number;
  /**
   * What happens to a body without a declared length, since programs read as many bytes as `CONTENT_LENGTH` says: up to this
   * many bytes are held until its end, beyond that it is a 413; `"stream"` hands it on without `CONTENT_LENGTH`, for programs
   * that read to the end. Default 1 MiB.
   */
  bufferLimit?: number | "stream";
}

export interface ProgramSetup {
  /** What it is called in error texts. */
  readonly name: string;
  /** How many run at once, and the option that says so. */
  readonly limit: readonly [count: number, option: string];
  start(variables: Variables, environ: Environ): ProgramRun;
}

/** Checks the options, and makes the app. */
export function programApp(
  { name, limit: [count, option], start }: ProgramSetup,
  { env = {}, timeout = 60_000, bufferLimit = 1_048_576 }: ProgramOptions,
): App {
  checkCount(count, option);
  checkCount(timeout, "timeout");
  if (bufferLimit !== "stream") checkCount(bufferLimit, "bufferLimit", 0);
  const places = new ConcurrencyLimit(count, timeout, option);

  return async function program(environ, startResponse) {
    try {
      const { length, input } = await sizedBody(environ, bufferLimit);
      const variables = variablesOf(environ, length, env);
      if (variables === undefined) {
        return text("Not Found\n", { status: "404 Not Found" })(environ, startResponse);
      }
      await places.take(environ["tsgi.exchange"]);
      const run = started(variables, environ);
      const output = new ProgramOutput(name, run, timeout);
      environ["tsgi.exchange"].onAbort?.(() => run.stop());
      run.feed(output.watched(input)).catch(() => {
        // A program need not read all of its input.
      });
      const { status, headers } = await output.head();
      startResponse(status, headers);
      return toStream(output);
    } catch (error) {
      if (!(error instanceof TsgiError) || !error.status?.startsWith("5")) throw error;
      environ["tsgi.errors"].write(`${name}: ${error.message}\n`);
      return text(`${error.status.slice(4)}\n`, { status: error.status })(environ, startResponse);
    }
  };

  function started(variables: Variables, environ: Environ): ProgramRun {
    try {
      const run = start(variables, environ);
      run.over.finally(() => places.giveBack());
      return run;
    } catch (error) {
      places.giveBack();
      throw error;
    }
  }
}

/** Throws for what is no whole number, or too small a one. */
export function checkCount(value: number, option: string, least = 1): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new TsgiError("TSGI_BAD_OPTION", `${option} is ${JSON.stringify(value)}`, {
    hint: `Give a whole number from ${least}.`,
  });
}

interface SizedBody {
  readonly length: string | undefined;
  readonly input: AsyncIterable<Uint8Array>;
}

async function sizedBody(environ: Environ, bufferLimit: number | "stream"): Promise<SizedBody> {
  const { "tsgi.input": input, CONTENT_LENGTH: length } = environ;
  if (length !== undefined || input === NO_INPUT || bufferLimit === "stream") return { length, input };
  const bytes = await readBytes(environ, { limit: bufferLimit });
  if (bytes.length === 0) return { length: undefined, input: NO_INPUT };
  return { length: String(bytes.length), input: once(bytes) };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
