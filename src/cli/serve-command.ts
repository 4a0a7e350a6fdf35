/** Serves an app in this process until a signal ends it. */

import type { App } from "../gateway.ts";
import { openRequests, type ServeOptions, type Server, serve } from "../server/serve.ts";
import { commandAccessLog } from "./access-log.ts";
import { type Account, become, findAccount, giveSockets } from "./accounts.ts";
import { announcementOf } from "./addresses.ts";
import { openBrowser } from "./browser.ts";
import { followCertificates } from "./certificates.ts";
import type { Configuration } from "./configuration/configuration.ts";
import { listeningError } from "./listening-error.ts";
import { openServers } from "./open-servers.ts";
import { holdPidFile } from "./pid-file.ts";
import { printError, printLines } from "./print-lines.ts";
import { serveOptions } from "./serve-options.ts";
import { siteTree } from "./site-tree.ts";
import { hintOnce, loadSource, type Source } from "./source.ts";
import { reportStrayErrors, traceRequests } from "./stray-errors.ts";
import { Notifier } from "./systemd/notifier.ts";
import { type LoadedTls, loadTls } from "./tls-files.ts";
import { printExchanges } from "./verbose.ts";

/** Exit codes of a process that a signal ended. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Serves until SIGINT or SIGTERM, which let running exchanges finish; a second signal ends the process at once. Unhandled
 * errors are reported and do not end it. Throws a `CommandError` where it cannot begin.
 */
export async function serveCommand(configuration: Configuration): Promise<number> {
  const { quiet, open, close } = configuration;
  const { umask, pidFile } = configuration.process;
  const tls = configuration.tls && loadTls(configuration.tls);
  const account = findAccount(configuration.process);
  const notifier = new Notifier(process.env, printError);
  if (umask !== undefined) process.umask(umask);
  if (pidFile !== undefined) holdPidFile(pidFile, account);
  const { server, loaded } = await start(configuration, tls, account);
  reportStrayErrors(process.stderr, () => openRequests(server));
  const { local, lines } = announcementOf(loaded.title, server.urls);
  print(lines, siteTree(loaded.app));
  notifier.ready();
  if (open) openBrowser(`${local}/`);
  if (tls !== undefined) followCertificates(server, configuration, tls, () => print(["reloaded the certificate"]));
  await closeOnSignal(
    () => server.close(close),
    (signal) => {
      notifier.stopping();
      print([`closing; ${signal} again ends at once`]);
    },
  );
  return 0;

  function print(lines: readonly string[], below?: readonly string[]): void {
    if (!quiet) printLines(lines, below);
  }
}

interface Started {
  readonly server: Server;
  readonly loaded: Source;
}

/**
 * Loads the app and listens. Where the process becomes another user in between, it listens first: no code of the app is to run as
 * root. Requests wait for the app meanwhile.
 */
async function start(
  configuration: Configuration,
  tls: LoadedTls | undefined,
  account: Account | undefined,
): Promise<Started> {
  const { verbose } = configuration;
  let loaded: Source | undefined;
  const options = { ...serveOptions(configuration, tls), onError: hintOnce(() => loaded) };
  const traced = (app: App) => (configuration.serve.development || verbose ? traceRequests(app) : app);
  const logged = (app: App) => {
    const log = commandAccessLog(app, configuration);
    if (log.reopen !== undefined) process.on("SIGUSR1", log.reopen);
    return log.app;
  };
  if (verbose) printExchanges(process.stdout);
  // Before the module is loaded: of compiled code, errors are to show the source.
  if (configuration.serve.development) process.setSourceMapsEnabled(true);
  if (account === undefined) {
    loaded = await loadSource(configuration);
    return { server: await startServer(traced(logged(loaded.app)), options), loaded };
  }
  const late = lateApp();
  const server = await startServer(traced(late.app), options);
  try {
    giveSockets(configuration.places, account);
    become(account);
    loaded = await loadSource(configuration);
    late.resolve(logged(loaded.app));
  } catch (error) {
    await server.close({ linger: 0, grace: 0 });
    throw error;
  }
  return { server, loaded };
}

/** An app whose requests wait until it is there. */
function lateApp(): { readonly app: App; resolve(app: App): void } {
  let there: App | undefined;
  let resolve: (app: App) => void = () => {};
  const coming = new Promise<App>((settle) => {
    resolve = settle;
  });
  return {
    app(environ, startResponse) {
      return there === undefined ? coming.then((app) => app(environ, startResponse)) : there(environ, startResponse);
    },
    resolve(app) {
      there = app;
      resolve(app);
    },
  };
}

/** Closes the server on the first signal and ends the process on the second; resolves once the server has closed. */
function closeOnSignal(close: () => Promise<void>, onClose: (signal: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let isClosing = false;
    for (const [signal, code] of Object.entries(SIGNALS)) {
      process.on(signal, () => {
        if (isClosing) process.exit(code);
        isClosing = true;
        onClose(signal);
        close().then(resolve, reject);
      });
    }
  });
}

async function startServer(app: App, options: ServeOptions): Promise<Server> {
  const isListening = openServers() > 0;
  try {
    return await serve(app, options);
  } catch (error) {
    throw listeningError(error, isListening);
  }
}
