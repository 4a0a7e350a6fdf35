/** The options of TLS. */

import { TsgiError } from "../../errors.ts";
import { checkOptions, either, type Kind, type Kinds, OBJECT, oneOf, STRING } from "../../options.ts";

/** A certificate and its key, as contents of PEM files. */
export interface TlsCertificate {
  /** The private key. */
  key: string | Uint8Array;
  /** The certificate that belongs to the key, followed by its chain: each certificate by the one that has issued it. */
  cert: string | Uint8Array;
  /** What an encrypted key is decrypted with. */
  passphrase?: string | undefined;
}

/** Several certificates, chosen by the name that a client asks for. */
export interface TlsCertificates {
  /**
   * A client gets the first of which a name fits (`subjectAltName`: `example.com`, or `*.example.com` for one label), else the
   * first of all.
   */
  certificates: readonly TlsCertificate[];
}

/** What holds for all certificates. Where Node has a default that is good, there is no option. */
export interface TlsPolicy {
  /**
   * Whether clients are asked for a certificate. `"request"`: the app decides, by `SSL_CLIENT_VERIFY`; `"require"`: a client
   * without one, or with one that is not trusted, is disconnected. Needs `ca`. Default: they are not asked.
   */
  clientCertificates?: "request" | "require" | undefined;
  /** The certificates in PEM of those who issue client certificates; no others are trusted. */
  ca?: string | Uint8Array | undefined;
  /**
   * 48 secret bytes that encrypt sessions, so that clients can resume them: servers that share them resume each other's.
   * Anyone who has them can read what was sent: renew them daily, by `reloadTls`. Default: random ones.
   */
  ticketKeys?: Uint8Array | undefined;
  /** The oldest version of TLS. Default `"TLSv1.2"`, unless Node was started with another. */
  minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
  /** The cipher suites, in OpenSSL's format. Default: those of Node. */
  ciphers?: string | undefined;
}

/** What `serve` needs for https. */
export type TlsOptions = (TlsCertificate | TlsCertificates) & TlsPolicy;

/** How many bytes ticket keys have: a name, a key to sign and a key to encrypt. */
export const TICKET_KEYS_LENGTH = 48;

const PEM: Kind = either(STRING, { expected: "bytes", accepts: (value) => value instanceof Uint8Array });

const CERTIFICATE_KINDS: Kinds<TlsCertificate> = { key: PEM, cert: PEM, passphrase: STRING };

const TLS_KINDS: Kinds<TlsCertificate & TlsCertificates & TlsPolicy> = {
  ...CERTIFICATE_KINDS,
  certificates: {
    expected: "a list of { key, cert }",
    accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(OBJECT.accepts),
  },
  clientCertificates: oneOf("request", "require"),
  ca: PEM,
  ticketKeys: {
    expected: `${TICKET_KEYS_LENGTH} bytes, of crypto.randomBytes(${TICKET_KEYS_LENGTH}) for example`,
    accepts: (value) => value instanceof Uint8Array && value.length === TICKET_KEYS_LENGTH,
  },
  minVersion: oneOf("TLSv1.2", "TLSv1.3"),
  ciphers: STRING,
};

/** A certificate with what error messages call it, and its members. */
export interface NamedCertificate extends TlsCertificate {
  readonly owner: string;
}

/** withPolicy completes options by those in force. Throws as `checkTls` does. */
export function withPolicy(tls: TlsOptions, policy: TlsPolicy): TlsOptions {
  const given = OBJECT.accepts(tls) ? Object.entries(tls).filter(([, value]) => value !== undefined) : undefined;
  const complete = given === undefined ? tls : ({ ...policy, ...Object.fromEntries(given) } as TlsOptions);
  checkTls(complete);
  return complete;
}

/** checkTls checks the options of TLS. Throws `TSGI_BAD_OPTION`. */
export function checkTls(tls: TlsOptions): void {
  if (Array.isArray(tls)) throw badOption("tls is a list", "Give { certificates: [{ key, cert }, …] }.");
  checkOptions("tls", tls as TlsCertificate & TlsCertificates & TlsPolicy, TLS_KINDS);
  for (const certificate of certificatesOf(tls)) checkCertificate(certificate);
  const { ca, clientCertificates } = tls;
  if (clientCertificates !== undefined && ca === undefined) {
    throw badOption(
      "tls has clientCertificates and no ca",
      "Give ca: the certificates of those who issue them, in PEM.",
    );
  }
  if (ca !== undefined && clientCertificates === undefined) {
    throw badOption(
      "tls has ca and no clientCertificates",
      'The chain of a certificate goes into cert, after it. To ask clients for certificates, give clientCertificates: "require".',
    );
  }
}

/** The certificates of the options: one, or several. */
export function certificatesOf(tls: TlsOptions): readonly NamedCertificate[] {
  if (!("certificates" in tls) || tls.certificates === undefined) return [{ ...(tls as TlsCertificate), owner: "tls" }];
  const extra = (["key", "cert", "passphrase"] as const).find((name) => (tls as Partial<TlsCertificate>)[name]);
  if (extra !== undefined) {
    throw badOption(
      `tls was given ${extra} and certificates`,
      `Write ${extra} in the list: { certificates: [{ ${extra}: …, … }] }.`,
    );
  }
  return tls.certificates.map((certificate, index) => ({ ...certificate, owner: `tls.certificates[${index}]` }));
}

function checkCertificate({ owner, ...certificate }: NamedCertificate): void {
  if (owner !== "tls") checkOptions(owner, certificate, CERTIFICATE_KINDS);
  for (const name of ["key", "cert"] as const) {
    if (certificate[name] !== undefined) continue;
    throw badOption(
      `${owner} has no ${name}`,
      "Give { key, cert }: the contents of a PEM private key and of its certificate.",
    );
  }
}

function badOption(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_OPTION", message, { hint });
}
