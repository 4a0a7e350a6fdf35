/** Environs of requests over TLS, which have variables of their connection. */

import { type BuildEnviron, environBuilder, type Peer, type ServerInfo } from "../../exchange/environ.ts";
import type { SecureVariables } from "./variables.ts";

/** The peer of a connection, with what is known of it by TLS. */
export interface SecurePeer extends Peer {
  readonly variables: SecureVariables | undefined;
}

/**
 * secureEnvironBuilder is `environBuilder` for peers with variables. Each set of names has a builder of its own, so that what
 * it clones has them already; there are four sets.
 */
export function secureEnvironBuilder(info: ServerInfo): BuildEnviron {
  const builders = new Map<string, BuildEnviron>();
  const bare = environBuilder(info);

  return function buildEnviron(method, target, protocol, lines, peer, exchange) {
    const { variables } = peer as SecurePeer;
    if (variables === undefined) return bare(method, target, protocol, lines, peer, exchange);
    let builder = builders.get(variables.names);
    if (builder === undefined) {
      builder = environBuilder({ ...info, variables: variables.values });
      builders.set(variables.names, builder);
    }
    const environ = builder(method, target, protocol, lines, peer, exchange);
    return environ === undefined ? undefined : Object.assign(environ, variables.values);
  };
}
