/** The environ of a request whose user a middleware has authenticated. */

import type { Environ } from "../gateway.ts";
import { enter } from "./innermost.ts";

/**
 * authenticated gives a copy of an environ with its `REMOTE_USER` and `AUTH_TYPE`. New keys come first: on Node 20 it costs 1 µs
 * to copy an environ into an object that has them, and 6 to add them to a copy, which every later copy then pays for again.
 */
export function authenticated(environ: Environ, user: string, type: "Basic" | "Bearer"): Environ {
  return enter(
    "REMOTE_USER" in environ || "AUTH_TYPE" in environ
      ? { ...environ, REMOTE_USER: user, AUTH_TYPE: type }
      : { REMOTE_USER: user, AUTH_TYPE: type, ...environ },
  );
}
