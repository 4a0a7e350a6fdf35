/** Serves an app until a signal ends it. */

import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { openRequests, type ServeOptions, type Server, serve, type TlsCertificate } from "../server/serve.ts";
import { addressesOf } from "./addresses.ts";
import type { Flags } from "./arguments.ts";
import { openBrowser } from "./browser.ts";
import { CommandError } from "./command-error.ts";
import { interfaceHint, looksMistaken } from "./detect-app.ts";
import { serveOptions } from "./serve-options.ts";
import { siteTree } from "./site-tree.ts";
import { reportStrayErrors, traceRequests } from "./stray-errors.ts";
import { followTlsFiles, type TlsFiles, tlsFiles } from "./tls-files.ts";
import { printExchanges } from "./verbose.ts";

/** How an app is served. */
export interface ServeCommandOptions {
  readonly serve: ServeOptions;
  /** Where the certificate was read from. */
  readonly tlsFiles: TlsFiles | undefined;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly open: boolean;
}

/** Exit codes of a process that a signal ended. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** How long an app may keep the process alive after the server has closed, in milliseconds. */
const EXIT_TIMEOUT = 1_000;

/** Throws a `CommandError` for values that are wrong, and for options that exclude each other. */
export function serveCommandOptions(flags: Flags): ServeCommandOptions {
  const { verbose = false, quiet = false, open = false } = flags;
  if (verbose && quiet) throw new CommandError("--verbose and --quiet exclude each other; leave one out");
  if (open && flags.unix !== undefined) throw new CommandError("a browser cannot --open a Unix socket; leave one out");
  return { serve: serveOptions(flags), tlsFiles: tlsFiles(flags), verbose, quiet, open };
}

/** The options for an app whose interface was guessed: the first error that looks like a wrong guess prints how to name it. */
export function withInterfaceHint(options: ServeCommandOptions, name: string): ServeCommandOptions {
  let isSaid = false;
  const onError = (error: unknown) => {
    if (isSaid || !looksMistaken(error)) return;
    isSaid = true;
    process.stderr.write(interfaceHint(name));
  };
  return { ...options, serve: { ...options.serve, onError } };
}

/**
 * Serves until SIGINT or SIGTERM, which let running exchanges finish; a second signal ends the process at once. Unhandled
 * errors are reported and do not end it.
 */
export async function serveUntilSignal(app: App, title: string, options: ServeCommandOptions): Promise<number> {
  const { verbose, quiet, open } = options;
  if (verbose) printExchanges(process.stdout);
  const server = await startServer(options.serve.development || verbose ? traceRequests(app) : app, options.serve);
  reportStrayErrors(process.stderr, () => openRequests(server));
  const [local, ...network] = addressesOf(server.url);
  const lines = [`serving ${title} on ${local}`, ...network.map((address) => `on the network: ${address}`)];
  print(lines, siteTree(app));
  if (open) openBrowser(`${local}/`);
  followCertificate(server, options, () => print(["reloaded the certificate"]));
  await closeOnSignal(server, (signal) => print([`closing; ${signal} again ends at once`]));
  // What an app still does, in an interval for example, is not to keep the process alive.
  setTimeout(() => process.exit(), EXIT_TIMEOUT).unref();
  return 0;

  /** Prints lines of the command, and lines that belong to the last of them, in one write. */
  function print(lines: readonly string[], below: readonly string[] = []): void {
    if (quiet) return;
    process.stdout.write(
      [...lines.map((line) => `tsgi: ${line}\n`), ...below.map((line) => `      ${line}\n`)].join(""),
    );
  }
}

/** Renews the certificate when its files change; where what they hold cannot be used, the old one stays. */
function followCertificate(server: Server, { serve, tlsFiles }: ServeCommandOptions, onRenewed: () => void): void {
  if (tlsFiles === undefined) return;
  followTlsFiles(
    tlsFiles,
    serve.tls as TlsCertificate,
    (certificate) => {
      server.reloadTls(certificate);
      onRenewed();
    },
    (error) => process.stderr.write(`tsgi: the certificate was not reloaded: ${(error as Error).message}\n`),
  );
}

/** Closes the server on the first signal and ends the process on the second; resolves once the server has closed. */
function closeOnSignal(server: Server, onClose: (signal: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let isClosing = false;
    for (const [signal, code] of Object.entries(SIGNALS)) {
      process.on(signal, () => {
        if (isClosing) process.exit(code);
        isClosing = true;
        onClose(signal);
        server.close().then(resolve, reject);
      });
    }
  });
}

async function startServer(app: App, options: ServeOptions): Promise<Server> {
  try {
    return await serve(app, options);
  } catch (error) {
    throw cannotListen(error, options);
  }
}

/** What the command says where a server cannot listen. */
export function cannotListen(error: unknown, options: Pick<ServeOptions, "unix">): unknown {
  if (!(error instanceof TsgiError)) return error;
  const isMistake = error.code === "TSGI_BAD_OPTION" || error.code === "TSGI_BAD_TLS";
  const advice =
    error.code === "TSGI_PORT_IN_USE" && options.unix === undefined ? "; for example --port 0 picks a free one" : "";
  return new CommandError(error.message.replace(/\.$/, "") + advice, isMistake ? 2 : 1);
}
