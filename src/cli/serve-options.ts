/** The options of `serve` as the command line gives them. */

import type { ServeOptions } from "../server/serve.ts";
import type { Flags } from "./arguments.ts";
import { CommandError } from "./command-error.ts";
import { readTlsFiles, tlsFiles } from "./tls-files.ts";

const LARGEST_PORT = 65_535;

/**
 * serveOptions reads the options of a server. Where an option is not given, `HOST` and `PORT` of the environment count, as
 * platforms set them. Throws a `CommandError` for a port out of range, for options that exclude each other, and for key
 * files that cannot be read.
 */
export function serveOptions(flags: Flags, environment: NodeJS.ProcessEnv = process.env): ServeOptions {
  const { host, port, unix, development } = flags;
  const files = tlsFiles(flags);
  const tls = files && readTlsFiles(files);
  if (unix !== undefined) {
    if (host === undefined && port === undefined) return { unix, development, tls };
    throw new CommandError("--unix replaces --host and --port; leave those out");
  }
  // An empty address would be every interface, where a shell's variable was not set.
  if (host === "") throw new CommandError("--host is empty; for every interface give 0.0.0.0 or ::");
  return {
    // A variable that is set to nothing counts as one that is not set.
    host: host ?? (environment.HOST || undefined),
    port: parsePort("--port", port) ?? parsePort("PORT in the environment:", environment.PORT || undefined),
    development,
    tls,
  };
}

function parsePort(source: string, port: string | undefined): number | undefined {
  if (port === undefined) return undefined;
  if (/^\d{1,5}$/.test(port) && Number(port) <= LARGEST_PORT) return Number(port);
  throw new CommandError(`${source} ${port} is not a port; choose 0 to ${LARGEST_PORT}`);
}
