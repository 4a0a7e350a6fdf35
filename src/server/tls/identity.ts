/** What servers of TLS show to clients: certificates by name, which can be renewed while they run. */

import { createHash, randomBytes } from "node:crypto";
import type { ServerOpts } from "node:net";
import {
  createSecureContext,
  createServer,
  type TlsOptions as NodeOptions,
  type SecureContext,
  type Server,
  type TLSSocket,
} from "node:tls";
import { TsgiError } from "../../errors.ts";
import { type Certificate, readCertificate, readCertificates } from "./certificate.ts";
import { certificatesOf, TICKET_KEYS_LENGTH, type TlsOptions, type TlsPolicy, withPolicy } from "./options.ts";
import { badTls, readPem } from "./pem.ts";

/** What one set of options comes to. */
interface Credentials {
  readonly policy: TlsPolicy;
  /** The options of the default certificate. */
  readonly options: NodeOptions;
  /** Contexts by host name; of a wildcard, by what follows the first label: `".example.com"`. */
  readonly contexts: ReadonlyMap<string, SecureContext>;
}

/** Identity holds the certificates of the servers of one `serve`. */
export class Identity {
  #credentials: Credentials;
  readonly #servers: Server[] = [];
  readonly #warn: (warning: string) => void;

  /** `warn` hears what is odd, and no error. Throws `TSGI_BAD_TLS`. */
  constructor(tls: TlsOptions, warn: (warning: string) => void) {
    this.#warn = warn;
    this.#credentials = readCredentials(tls, { ticketKeys: randomBytes(TICKET_KEYS_LENGTH) }, warn);
  }

  /** A server that shows the certificates. */
  createServer(options: ServerOpts & NodeOptions): Server {
    const { clientCertificates } = this.#credentials.policy;
    const server = createServer({
      ...options,
      ...this.#credentials.options,
      requestCert: clientCertificates !== undefined,
      rejectUnauthorized: clientCertificates === "require",
      SNICallback: (name, callback) => callback(null, this.#contextOf(name.toLowerCase())),
    });
    this.#servers.push(server);
    return server;
  }

  /** Whether a client has shown what it was asked for. A session may have begun where nothing was. */
  admits(socket: TLSSocket): boolean {
    return this.#credentials.policy.clientCertificates !== "require" || socket.getPeerX509Certificate() !== undefined;
  }

  /**
   * Takes other certificates from the next handshake on. What is not given stays as it is. Throws as the constructor does, and
   * `TSGI_BAD_OPTION` for a change of `clientCertificates`; then nothing changes.
   */
  renew(tls: TlsOptions): void {
    const { policy } = this.#credentials;
    const renewed = readCredentials(tls, policy, this.#warn);
    if (renewed.policy.clientCertificates !== policy.clientCertificates) {
      throw new TsgiError("TSGI_BAD_OPTION", "clientCertificates of reloadTls is not that of serve", {
        hint: "Leave it out, or start another server.",
      });
    }
    this.#credentials = renewed;
    for (const server of this.#servers) server.setSecureContext(renewed.options);
  }

  /** Undefined for the default. */
  #contextOf(name: string): SecureContext | undefined {
    const { contexts } = this.#credentials;
    const dot = name.indexOf(".");
    return contexts.get(name) ?? (dot > 0 ? contexts.get(name.slice(dot)) : undefined);
  }
}

function readCredentials(tls: TlsOptions, policy: TlsPolicy, warn: (warning: string) => void): Credentials {
  const options = withPolicy(tls, policy);
  const { clientCertificates, ca, ticketKeys, minVersion, ciphers } = options;
  const certificates = certificatesOf(options).map(readCertificate);
  const common = commonOptions({ clientCertificates, ca, ticketKeys, minVersion, ciphers });
  const contexts = new Map<string, SecureContext>();
  for (const [index, certificate] of certificates.entries()) {
    const context = contextOf(certificate, common);
    for (const name of certificate.names) {
      const key = name.startsWith("*.") ? name.slice(1) : name;
      if (!contexts.has(key)) contexts.set(key, context);
    }
    if (index > 0) checkChoice(certificate, certificates[0] as Certificate);
  }
  for (const warning of certificates.flatMap((each) => each.warnings)) warn(warning);
  const [first] = certificates as readonly Certificate[] as readonly [Certificate];
  return {
    policy: { clientCertificates, ca, ticketKeys, minVersion, ciphers },
    options: nodeOptions(first, common),
    contexts,
  };
}

/** Before Node 24, what is chosen by name replaces a certificate of the same kind only, and a client may prefer the other. */
const REPLACES_ONE_KIND = Number.parseInt(process.versions.node, 10) < 24;

/** Whether a certificate that is not the default can be chosen. */
function checkChoice({ owner, names, kind }: Certificate, first: Certificate): void {
  if (names.length === 0) {
    throw badTls(`cert of ${owner} is for no host name`, "Only the first of the list may be without subjectAltName.");
  }
  if (REPLACES_ONE_KIND && kind !== first.kind) {
    throw badTls(
      `key of ${owner} is of another kind (${kind}) than the first of the list (${first.kind})`,
      "Give keys of one kind, or use Node 24 or later: Node before it would show the first certificate.",
    );
  }
}

function commonOptions({ clientCertificates, ca, ticketKeys, minVersion, ciphers }: TlsPolicy): NodeOptions {
  const authorities = ca === undefined ? [] : readCertificates("ca of tls", readPem("ca of tls", ca)).map(String);
  return {
    ...(ca !== undefined && { ca: authorities }),
    ticketKeys: Buffer.from(ticketKeys as Uint8Array),
    // Sessions are resumed where clients were asked for the same. Node's own depends on the command line.
    sessionIdContext: createHash("sha256")
      .update(JSON.stringify([clientCertificates, authorities]))
      .digest("hex")
      .slice(0, 32),
    ...(minVersion !== undefined && { minVersion }),
    ...(ciphers !== undefined && { ciphers }),
  };
}

function nodeOptions({ key, cert, passphrase }: Certificate, common: NodeOptions): NodeOptions {
  return { ...common, key, cert, ...(passphrase !== undefined && { passphrase }) };
}

function contextOf(certificate: Certificate, common: NodeOptions): SecureContext {
  try {
    return createSecureContext({ ...nodeOptions(certificate, common), honorCipherOrder: true });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ERR_SSL_NO_CIPHER_MATCH" || code === "ERR_INVALID_ARG_VALUE") {
      throw badTls(`ciphers of tls names none that there is: ${message}`, "Separate OpenSSL's names by colons.", cause);
    }
    throw badTls(
      `key and cert of ${certificate.owner} cannot be used: ${message}`,
      "OpenSSL refuses what is too weak: RSA keys have 2048 bits or more, and signatures SHA-256 or better.",
      cause,
    );
  }
}
