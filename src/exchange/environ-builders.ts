/** Builds environs for adapters, which learn with each request by which origin they were reached. */

import type { ErrorStream } from "../gateway.ts";
import { type BuildEnviron, environBuilder } from "./environ.ts";

/** Returns the builder for an origin. A port that is undefined or empty is the default of the scheme. */
export type BuilderOf = (scheme: "http" | "https", name: string, port: string | undefined) => BuildEnviron;

/** One builder serves all origins, so clients that choose theirs (`Host`) take no memory. */
export function environBuilders(errors: ErrorStream): BuilderOf {
  const build = environBuilder({ name: "", port: "", scheme: "http", errors });

  return function builderOf(scheme, name, port) {
    return function buildEnviron(method, target, protocol, lines, peer, exchange) {
      const environ = build(method, target, protocol, lines, peer, exchange);
      if (environ === undefined) return undefined;
      // A URL has an IPv6 address in brackets.
      environ.SERVER_NAME = name.startsWith("[") ? name.slice(1, -1) : name;
      environ.SERVER_PORT = port || (scheme === "https" ? "443" : "80");
      environ["tsgi.url_scheme"] = scheme;
      return environ;
    };
  };
}
