/** The options of `serve` as the command line gives them. */

import { readFileSync } from "node:fs";
import type { ServeOptions } from "../server/serve.ts";
import type { Flags } from "./arguments.ts";
import { CommandError } from "./command-error.ts";

/** Throws a `CommandError` for what is no port, options that exclude each other, and key files that cannot be read. */
export function serveOptions(flags: Flags): ServeOptions {
  const { host, port, unix, development } = flags;
  if (unix !== undefined && (host !== undefined || port !== undefined)) {
    throw new CommandError("--unix stands instead of --host and --port; leave those out");
  }
  // An empty address would be every interface, where a shell's variable was not set.
  if (host === "") throw new CommandError("--host is empty; for every interface give 0.0.0.0 or ::");
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) {
    throw new CommandError(`--port ${port} is no port; choose 0 to 65535`);
  }
  return { host, port: port === undefined ? undefined : Number(port), unix, development, tls: tlsOptions(flags) };
}

function tlsOptions({ "tls-key": key, "tls-cert": cert }: Flags): ServeOptions["tls"] {
  if (key === undefined && cert === undefined) return undefined;
  if (key === undefined || cert === undefined) throw new CommandError("https needs both --tls-key and --tls-cert");
  return { key: readPem("--tls-key", key), cert: readPem("--tls-cert", cert) };
}

function readPem(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandError(`${flag} ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
