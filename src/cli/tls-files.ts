/** The files of a certificate and its key: read at the start, and again when they change. */

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { TlsCertificate } from "../server/serve.ts";
import type { Flags } from "./arguments.ts";
import { CommandError } from "./command-error.ts";

/** Where a key and its certificate are. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
}

/** How often the files are looked at, in milliseconds. */
const INTERVAL = 1_000;

/** The files that the command line names; undefined where it names none. Throws a `CommandError` where one is missing. */
export function tlsFiles({ "tls-key": key, "tls-cert": cert }: Flags): TlsFiles | undefined {
  if (key === undefined && cert === undefined) return undefined;
  if (key === undefined || cert === undefined) throw new CommandError("https needs both --tls-key and --tls-cert");
  return { key, cert };
}

/** Reads the files. Throws a `CommandError` for one that cannot be read. */
export function readTlsFiles({ key, cert }: TlsFiles): TlsCertificate {
  return { key: readPem("--tls-key", key), cert: readPem("--tls-cert", cert) };
}

function readPem(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandError(`${flag} ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/**
 * followTlsFiles hands what the files hold to `renew` whenever that has changed, once both have been still for a moment. What
 * `renew` throws goes to `onError`, once for each change. The files are read, not watched: a renewed file may be another one by
 * the same name, on a network, or behind a link that was changed.
 */
export function followTlsFiles(
  files: TlsFiles,
  current: TlsCertificate,
  renew: (certificate: TlsCertificate) => void,
  onError: (error: unknown) => void,
  interval: number = INTERVAL,
): void {
  let seen = current;
  let applied = current;
  setInterval(() => void look(), interval).unref();

  async function look(): Promise<void> {
    // One that is missing is about to be replaced.
    const found = await readBoth(files).catch(() => undefined);
    if (found === undefined) return;
    const isStill = isSame(found, seen);
    seen = found;
    if (!isStill || isSame(found, applied)) return;
    applied = found;
    try {
      renew(found);
    } catch (error) {
      onError(error);
    }
  }
}

async function readBoth({ key, cert }: TlsFiles): Promise<TlsCertificate> {
  const [keyBytes, certBytes] = await Promise.all([readFile(key), readFile(cert)]);
  return { key: keyBytes, cert: certBytes };
}

function isSame(one: TlsCertificate, other: TlsCertificate): boolean {
  return Buffer.from(one.key).equals(Buffer.from(other.key)) && Buffer.from(one.cert).equals(Buffer.from(other.cert));
}
