/** What environs say of a connection over TLS, under the names of Apache's mod_ssl. */

import type { TLSSocket } from "node:tls";
import type { Environ } from "../../gateway.ts";

/** The variables of a connection. */
export interface SecureVariables {
  /** Which ones there are. */
  readonly names: string;
  readonly values: Values;
}

type Name = Extract<keyof Environ, `SSL_${string}`>;
type Always = "SSL_PROTOCOL" | "SSL_CIPHER" | "SSL_CLIENT_VERIFY";
type Values = Required<Pick<Environ, Always>> & Pick<Environ, Name>;

/** What names of hosts are made of; a client may send anything. */
const HOST_NAME = /^[\w.-]+$/;

/**
 * variablesOf gives the variables of a connection. A client certificate that was not verified gives nothing but the reason:
 * nobody vouches for what it says.
 */
export function variablesOf(socket: TLSSocket): SecureVariables {
  const { servername } = socket as { servername?: string | false | null };
  const values: Values = {
    SSL_PROTOCOL: socket.getProtocol() ?? "",
    SSL_CIPHER: socket.getCipher()?.name ?? "",
    ...(typeof servername === "string" && HOST_NAME.test(servername) && { SSL_TLS_SNI: servername }),
    ...clientVariablesOf(socket),
  };
  return { names: Object.keys(values).join(), values };
}

function clientVariablesOf(socket: TLSSocket): Omit<Values, "SSL_PROTOCOL" | "SSL_CIPHER"> {
  const certificate = socket.getPeerX509Certificate();
  // Asked for first: Node calls a resumed session without a certificate authorized.
  if (certificate === undefined) return { SSL_CLIENT_VERIFY: "NONE" };
  if (!socket.authorized) return { SSL_CLIENT_VERIFY: `FAILED:${String(socket.authorizationError)}` };
  return {
    SSL_CLIENT_VERIFY: "SUCCESS",
    SSL_CLIENT_S_DN: distinguishedName(certificate.subject),
    SSL_CLIENT_I_DN: distinguishedName(certificate.issuer),
    SSL_CLIENT_M_SERIAL: certificate.serialNumber,
    SSL_CLIENT_V_START: certificate.validFrom,
    SSL_CLIENT_V_END: certificate.validTo,
    SSL_CLIENT_CERT: certificate.toString(),
  };
}

/** A name as RFC 2253 writes it, from its end to its start. Node gives its parts in lines, escaped already. */
function distinguishedName(lines: string): string {
  return lines
    .split("\n")
    .reverse()
    .map((part) => part.split(" + ").reverse().join("+"))
    .join(",");
}
