/** Serves an app until a signal ends it. */

import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { type Server, serve } from "../server/serve.ts";
import type { Arguments } from "./arguments.ts";
import { CommandError } from "./command-error.ts";
import { printExchanges } from "./verbose.ts";

/** Exit codes of a process that a signal ended. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** Serves until SIGINT or SIGTERM, which let running exchanges finish; a second one ends the process at once. */
export async function serveUntilSignal(app: App, name: string, { options, verbose }: Arguments): Promise<number> {
  if (verbose) printExchanges(process.stdout);
  const server = await start(app, options);
  process.stdout.write(`tsgi: serving ${name} on ${clickable(server.url)}\n`);
  return new Promise((resolve) => {
    let closing = false;
    for (const [signal, code] of Object.entries(SIGNALS)) {
      process.on(signal, () => {
        if (closing) process.exit(code);
        closing = true;
        process.stdout.write(`tsgi: closing; ${signal} again ends at once\n`);
        server.close().then(() => resolve(0));
      });
    }
  });
}

async function start(app: App, options: Arguments["options"]): Promise<Server> {
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

/** An address that a person can open, where the server listens on every interface. */
function clickable(url: string): string {
  return url.replace(/\/\/(?:0\.0\.0\.0|\[::\])(?=:)/, "//localhost");
}
