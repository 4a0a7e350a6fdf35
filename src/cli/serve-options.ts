/** The options of `serve` that a configuration comes to. */

import type { ServeOptions } from "../server/serve.ts";
import type { Configuration } from "./configuration/configuration.ts";
import type { LoadedTls } from "./tls-files.ts";

/** serveOptions puts together what was configured and what the files of TLS hold. */
export function serveOptions({ places, serve }: Configuration, tls: LoadedTls | undefined): ServeOptions {
  return { ...serve, listen: places, tls: tls?.options };
}
