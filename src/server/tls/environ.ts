/** Environs of requests over TLS, which have variables of their connection. */

import {
  type BuildEnviron,
  environBuilder,
  type MutableEnviron,
  type Peer,
  type ServerInfo,
} from "../../exchange/environ.ts";
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
      builder = environBuilder({ ...info, variables: { ...variables.values } });
      builders.set(variables.names, builder);
    }
    const environ = builder(method, target, protocol, lines, peer, exchange);
    if (environ !== undefined) assign(environ, variables.values);
    return environ;
  };
}

/** One by one, since `Object.assign` takes three times as long. */
function assign(environ: MutableEnviron, values: SecureVariables["values"]): void {
  environ.SSL_PROTOCOL = values.SSL_PROTOCOL;
  environ.SSL_CIPHER = values.SSL_CIPHER;
  environ.SSL_CLIENT_VERIFY = values.SSL_CLIENT_VERIFY;
  if (values.SSL_TLS_SNI !== undefined) environ.SSL_TLS_SNI = values.SSL_TLS_SNI;
  if (values.SSL_CLIENT_CERT === undefined) return;
  environ.SSL_CLIENT_S_DN = values.SSL_CLIENT_S_DN as string;
  environ.SSL_CLIENT_I_DN = values.SSL_CLIENT_I_DN as string;
  environ.SSL_CLIENT_M_SERIAL = values.SSL_CLIENT_M_SERIAL as string;
  environ.SSL_CLIENT_V_START = values.SSL_CLIENT_V_START as string;
  environ.SSL_CLIENT_V_END = values.SSL_CLIENT_V_END as string;
  environ.SSL_CLIENT_CERT = values.SSL_CLIENT_CERT;
}
