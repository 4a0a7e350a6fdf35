/** What the command says where a server cannot listen. */

import { TsgiError } from "../errors.ts";
import { CommandError } from "./command-error.ts";

/** listeningError makes one line of what a server rejects with; anything else stays as it is. */
export function listeningError(error: unknown): unknown {
  if (!(error instanceof TsgiError)) return error;
  const isMistake = error.code === "TSGI_BAD_OPTION" || error.code === "TSGI_BAD_TLS";
  // Of the places in use, a port has another that is free.
  const advice =
    error.code === "TSGI_PORT_IN_USE" && /:\d+ is in use/.test(error.message)
      ? "; for example --port 0 picks a free one"
      : "";
  return new CommandError(error.message.replace(/\.$/, "") + advice, isMistake ? 2 : 1);
}
