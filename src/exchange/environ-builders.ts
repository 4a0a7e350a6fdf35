/** Environ builders for what learns only with a request where it is: one for each origin, made on its first. */

import type { ErrorStream } from "../gateway.ts";
import { type BuildEnviron, environBuilder } from "./environ.ts";

/** How many are kept: clients may choose the origin. */
const MOST = 100;

/** Gives the builder of an origin. A port that is undefined or empty is the scheme's own. */
export type BuilderOf = (scheme: "http" | "https", name: string, port: string | undefined) => BuildEnviron;

export function environBuilders(errors: ErrorStream): BuilderOf {
  const builders = new Map<string, BuildEnviron>();

  return function builderOf(scheme, name, port) {
    const key = `${scheme} ${name} ${port}`;
    let builder = builders.get(key);
    if (builder === undefined) {
      builder = environBuilder({
        // A URL has an IPv6 address in brackets.
        name: name.replace(/^\[|\]$/g, ""),
        port: port || (scheme === "https" ? "443" : "80"),
        scheme,
        errors,
      });
      if (builders.size < MOST) builders.set(key, builder);
    }
    return builder;
  };
}
