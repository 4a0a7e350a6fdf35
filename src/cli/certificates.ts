/** Certificates that are renewed while a server runs. */

import type { Server, TlsOptions } from "../server/serve.ts";
import type { Configuration } from "./configuration/configuration.ts";
import { printError } from "./print-lines.ts";
import { followTls, type LoadedTls } from "./tls-files.ts";

/** Renews certificates when their files change; where what they hold cannot be used, the old ones stay. */
export function followCertificates(
  server: Server,
  { tls }: Pick<Configuration, "tls">,
  loaded: LoadedTls,
  onRenewed: () => void,
): void {
  if (tls === undefined) return;
  followTls(
    tls,
    loaded,
    (options: TlsOptions) => {
      server.reloadTls(options);
      onRenewed();
    },
    (error) => printError(`the certificate was not reloaded: ${(error as Error).message}`),
  );
}
