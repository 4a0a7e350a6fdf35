/** Serves an app until a signal ends it. */

import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { type ServeOptions, type Server, serve } from "../server/serve.ts";
import { addressesOf } from "./addresses.ts";
import type { Flags } from "./arguments.ts";
import { openBrowser } from "./browser.ts";
import { CommandError } from "./command-error.ts";
import { serveOptions } from "./serve-options.ts";
import { printExchanges } from "./verbose.ts";

/** How an app is served. */
export interface RunOptions {
  readonly serve: ServeOptions;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly open: boolean;
}

/** Exit codes of a process that a signal ended. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** Throws a `CommandError` for values that are wrong, and for options that exclude each other. */
export function runOptions(flags: Flags): RunOptions {
  const { verbose = false, quiet = false, open = false } = flags;
  if (verbose && quiet) throw new CommandError("--verbose and --quiet exclude each other; leave one out");
  if (open && flags.unix !== undefined) throw new CommandError("a browser cannot --open a Unix socket; leave one out");
  return { serve: serveOptions(flags), verbose, quiet, open };
}

/** Serves until SIGINT or SIGTERM, which let running exchanges finish; a second one ends the process at once. */
export async function serveUntilSignal(app: App, name: string, options: RunOptions): Promise<number> {
  const { verbose, quiet, open } = options;
  if (verbose) printExchanges(process.stdout);
  const server = await start(app, options.serve);
  const [local, ...network] = addressesOf(server.url);
  const lines = [`serving ${name} on ${local}`, ...network.map((address) => `on the network: ${address}`)];
  print(...lines);
  if (open) openBrowser(`${local}/`);
  return new Promise((resolve) => {
    let closing = false;
    for (const [signal, code] of Object.entries(SIGNALS)) {
      process.on(signal, () => {
        if (closing) process.exit(code);
        closing = true;
        print(`closing; ${signal} again ends at once`);
        server.close().then(() => resolve(0));
      });
    }
  });

  function print(...texts: string[]): void {
    if (!quiet) process.stdout.write(texts.map((text) => `tsgi: ${text}\n`).join(""));
  }
}

async function start(app: App, options: ServeOptions): Promise<Server> {
  try {
    return await serve(app, options);
  } catch (error) {
    if (!(error instanceof TsgiError)) throw error;
    const isCall = error.code === "TSGI_BAD_OPTION" || error.code === "TSGI_BAD_TLS";
    const advice =
      error.code === "TSGI_PORT_IN_USE" && options.unix === undefined ? "; for example --port 0 picks a free one" : "";
    throw new CommandError(error.message.replace(/\.$/, "") + advice, isCall ? 2 : 1);
  }
}
