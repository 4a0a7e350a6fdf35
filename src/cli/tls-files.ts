/** The files of certificates and keys: read at the start, and again when they change. */

import { readFileSync, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import type { TlsOptions, TlsPolicy } from "../server/serve.ts";
import { TICKET_KEYS_LENGTH } from "../server/tls/options.ts";
import { CommandError } from "./command-error.ts";

/** Where keys, certificates and what else TLS needs are. */
export interface TlsFiles {
  /** At least one. */
  readonly certificates: readonly { readonly key: string; readonly cert: string }[];
  readonly passphrase: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly clientCa: string | undefined;
  readonly clientCertificates: TlsPolicy["clientCertificates"];
  readonly ticketKeys: string | undefined;
  readonly minVersion: TlsPolicy["minVersion"];
  readonly ciphers: string | undefined;
}

/** What files held, and what they looked like just before. */
export interface LoadedTls {
  readonly options: TlsOptions;
  /** Size, times and identity of each file; undefined where one was missing. */
  readonly look: string | undefined;
}

/** How often the files are looked at, in milliseconds. */
const INTERVAL = 1_000;

/** loadTls reads the files. Throws a `CommandError` for one that cannot be read, or that holds something else. */
export function loadTls(files: TlsFiles): LoadedTls {
  const look = describeStats(namesOf(files).map(lookAt));
  const { clientCa, clientCertificates, passphraseFile, minVersion, ciphers } = files;
  const passphrase = passphraseFile === undefined ? files.passphrase : readPassphrase(passphraseFile);
  const certificates = files.certificates.map(({ key, cert }) => ({
    key: readWhole("--tls-key", key),
    cert: readWhole("--tls-cert", cert),
    passphrase,
  }));
  const [first] = certificates as [(typeof certificates)[0]];
  const options = {
    // Messages call a certificate that is alone by a simpler name.
    ...(certificates.length === 1 ? first : { certificates }),
    clientCertificates,
    ca: clientCa === undefined ? undefined : readWhole("--tls-client-ca", clientCa),
    ticketKeys: readTicketKeys(files.ticketKeys),
    minVersion,
    ciphers,
  };
  return { options, look };
}

function lookAt(file: string): Look | undefined {
  try {
    return statSync(file, { bigint: true });
  } catch {
    // Reading says what is wrong.
    return undefined;
  }
}

function readPassphrase(file: string): string {
  const [line = ""] = readWhole("--tls-passphrase-file", file).toString("utf8").split(/\r?\n/, 1);
  if (line === "")
    throw new CommandError(`--tls-passphrase-file ${file} has no first line; write the passphrase there`);
  return line;
}

function readTicketKeys(file: string | undefined): Buffer | undefined {
  if (file === undefined) return undefined;
  const keys = readWhole("--tls-ticket-keys", file);
  if (keys.length === TICKET_KEYS_LENGTH) return keys;
  throw new CommandError(
    `--tls-ticket-keys ${file} has ${keys.length} bytes, not ${TICKET_KEYS_LENGTH}; make it: openssl rand -out ${file} ${TICKET_KEYS_LENGTH}`,
  );
}

function readWhole(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandError(`${flag} ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/**
 * followTls hands what the files hold to `renew` whenever that has changed, once all have been still for a moment. What `renew`
 * throws goes to `onError`, once for each change. The files are looked at, not watched: a renewed file may be another one by
 * the same name, on a network, or behind a link that was changed.
 */
export function followTls(
  files: TlsFiles,
  loaded: LoadedTls,
  renew: (options: TlsOptions) => void,
  onError: (error: unknown) => void,
  interval: number = INTERVAL,
): void {
  let seen = loaded.look;
  let read = loaded.look;
  let held = loaded.options;
  let isDenied = false;
  setInterval(() => void look(), interval).unref();

  async function look(): Promise<void> {
    const found = describeStats(
      await Promise.all(namesOf(files).map((file) => stat(file, { bigint: true }).catch(missing))),
    );
    const isStill = found === seen;
    seen = found;
    if (!isStill || found === undefined || found === read) return;
    read = found;
    try {
      const { options } = loadTls(files);
      if (isDeepStrictEqual(options, held)) return;
      held = options;
      renew(options);
    } catch (error) {
      onError(error);
    }
  }

  /** A file that is not there is about to be replaced; one that this user may not see stays as it was. */
  function missing(error: NodeJS.ErrnoException): undefined {
    if (error.code !== "EACCES" || isDenied) return;
    isDenied = true;
    onError(error);
  }
}

function namesOf({ certificates, passphraseFile, clientCa, ticketKeys }: TlsFiles): string[] {
  const others = [passphraseFile, clientCa, ticketKeys].filter((file) => file !== undefined);
  return [...certificates.flatMap(({ key, cert }) => [key, cert]), ...others];
}

/** What a file looks like. */
type Look = Record<"dev" | "ino" | "size" | "mtimeNs" | "ctimeNs", bigint>;

function describeStats(stats: readonly (Look | undefined)[]): string | undefined {
  if (stats.includes(undefined)) return undefined;
  return (stats as readonly Look[])
    .map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(" "))
    .join("\n");
}
