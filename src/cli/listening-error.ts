/** What the command says where a server cannot listen. */

import { TsgiError } from "../errors.ts";
import { CommandError } from "./command-error.ts";

/**
 * listeningError makes one line of what a server rejects with; anything else stays as it is. `isListening` says whether the module
 * had opened a server of its own before.
 */
export function listeningError(error: unknown, isListening = false): unknown {
  if (!(error instanceof TsgiError)) return error;
  const isMistake = error.code === "TSGI_BAD_OPTION" || error.code === "TSGI_BAD_TLS";
  // Of the places in use, a port has another that is free.
  const isPort = error.code === "TSGI_PORT_IN_USE" && /:\d+ is in use/.test(error.message);
  if (isPort && isListening) {
    const [what] = error.message.split(". ");
    return new CommandError(`${what}, and the module listens by itself; leave out its call of listen()`, 1);
  }
  const advice = isPort ? "; for example --port 0 picks a free one" : "";
  return new CommandError(error.message.replace(/\.$/, "") + advice, isMistake ? 2 : 1);
}
