/** A certificate with its key and its chain, and all that can be wrong with them. */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { NamedCertificate } from "./options.ts";
import { badTls, type PemBlock, readPem } from "./pem.ts";

/** A certificate that was found to be good. */
export interface Certificate {
  readonly owner: string;
  /** What Node takes. */
  readonly key: string;
  readonly cert: string;
  readonly passphrase: string | undefined;
  /** The kind of the key: `"rsa"`, `"ec"`. */
  readonly kind: string;
  /** The host names that it is for, in lower case, those with a wildcard too. */
  readonly names: readonly string[];
  /** What is odd about it. */
  readonly warnings: readonly string[];
}

/** readCertificate reads a certificate and its key. Throws `TSGI_BAD_TLS` for whatever is wrong with them. */
export function readCertificate({ owner, key, cert, passphrase }: NamedCertificate): Certificate {
  const names = { key: `key of ${owner}`, cert: `cert of ${owner}` };
  const [keyBlocks, certBlocks] = [readPem(names.key, key), readPem(names.cert, cert)];
  if (isKey(certBlocks) && !isCertificate(certBlocks) && isCertificate(keyBlocks) && !isKey(keyBlocks)) {
    throw badTls(`key and cert of ${owner} are swapped`, "Give each in the other's place.");
  }
  const chain = readCertificates(names.cert, certBlocks);
  const keyBlock = keyBlocks.find(isPrivate);
  if (keyBlock === undefined) throw noKey(names.key, keyBlocks);
  const privateKey = readKey(names.key, keyBlock, passphrase);
  checkKey(chain, privateKey, owner);
  checkChain(chain, names.cert);
  return {
    owner,
    key: keyBlock.text,
    cert: chain.map((each) => each.toString()).join(""),
    passphrase,
    kind: privateKey.asymmetricKeyType as string,
    names: hostNames(chain[0] as X509Certificate),
    warnings: chain.flatMap((each) => dateWarnings(each, names.cert)),
  };
}

/** readCertificates reads blocks that are certificates, and leaves others out. Throws `TSGI_BAD_TLS`, also where there is none. */
export function readCertificates(name: string, blocks: readonly PemBlock[]): X509Certificate[] {
  const found = blocks.filter(isPublic);
  if (found.length === 0) throw noCertificate(name, blocks);
  return found.map(({ text }, index) => {
    try {
      return new X509Certificate(text);
    } catch (cause) {
      const which = found.length === 1 ? name : `certificate ${index + 1} of ${name}`;
      throw badTls(`${which} is garbled: ${(cause as Error).message}`, "Copy the file again, byte by byte.", cause);
    }
  });
}

function isPrivate({ label }: PemBlock): boolean {
  return /^(?:(?:RSA|EC|DSA|ENCRYPTED) )?PRIVATE KEY$/.test(label);
}

function isPublic({ label }: PemBlock): boolean {
  return /^(?:(?:X509|TRUSTED) )?CERTIFICATE$/.test(label);
}

function isKey(blocks: readonly PemBlock[]): boolean {
  return blocks.some(isPrivate);
}

function isCertificate(blocks: readonly PemBlock[]): boolean {
  return blocks.some(isPublic);
}

/** What takes the place of a certificate or of a key, and what makes one of it. */
const CONVERSIONS: Readonly<Record<string, string>> = {
  "CERTIFICATE REQUEST": "Give the certificate that the authority made of the request.",
  "NEW CERTIFICATE REQUEST": "Give the certificate that the authority made of the request.",
  PKCS7: "Convert it: openssl pkcs7 -print_certs -in cert.p7b -out cert.pem.",
  "OPENSSH PRIVATE KEY": "Convert it, in place: ssh-keygen -p -m PKCS8 -f key.",
};

function noKey(name: string, [first]: readonly PemBlock[]): Error {
  const label = (first as PemBlock).label;
  return badTls(`${name} is not a private key: it says ${label}`, CONVERSIONS[label] ?? "Give the private key.");
}

function noCertificate(name: string, [first]: readonly PemBlock[]): Error {
  const label = (first as PemBlock).label;
  return badTls(`${name} is not a certificate: it says ${label}`, CONVERSIONS[label] ?? "Give the certificate.");
}

function readKey(name: string, { label, text }: PemBlock, passphrase: string | undefined): KeyObject {
  const isEncrypted = label === "ENCRYPTED PRIVATE KEY" || text.includes("\nProc-Type: 4,ENCRYPTED");
  if (isEncrypted && passphrase === undefined) {
    throw badTls(`${name} is encrypted`, "Give passphrase, or decrypt it: openssl pkey -in key.pem -out plain.pem.");
  }
  try {
    return createPrivateKey({ key: text, ...(isEncrypted && { passphrase: passphrase as string }) });
  } catch (cause) {
    if (isEncrypted) {
      throw badTls(
        `${name} cannot be decrypted`,
        "Check passphrase: openssl pkey -noout -in key.pem asks for it.",
        cause,
      );
    }
    throw badTls(`${name} is garbled: ${(cause as Error).message}`, "Copy the file again, byte by byte.", cause);
  }
}

function checkKey(chain: readonly X509Certificate[], key: KeyObject, owner: string): void {
  const at = chain.findIndex((each) => each.checkPrivateKey(key));
  if (at === 0) return;
  if (at > 0) throw outOfOrder(`cert of ${owner}`, `the certificate of the key is number ${at + 1}`);
  throw badTls(
    `key and cert of ${owner} do not belong together: ${subjectOf(chain[0] as X509Certificate)} has another key`,
    "These print the same for a key and its certificate: openssl pkey -pubout -in key.pem; openssl x509 -noout -pubkey -in cert.pem.",
  );
}

/** Each certificate after the first has issued one before it; a client may take the next one for the issuer. */
function checkChain(chain: readonly X509Certificate[], name: string): void {
  const [leaf] = chain as readonly [X509Certificate];
  for (const [index, certificate] of chain.entries()) {
    const before = chain.slice(0, index);
    if (index === 0 || before.some((each) => each.checkIssued(certificate))) continue;
    const which = `certificate ${index + 1} (${subjectOf(certificate)})`;
    if (before.some((each) => each.fingerprint256 === certificate.fingerprint256)) {
      throw badTls(`${which} of ${name} is there twice`, "Leave one out.");
    }
    throw issuersOf(leaf, chain).has(certificate)
      ? outOfOrder(name, `${which} has issued none before it`)
      : badTls(
          `${which} of ${name} is not of its chain`,
          "Leave it out, or give the chain that came with the certificate.",
        );
  }
}

/** All that have issued a certificate, or an issuer of it. */
function issuersOf(certificate: X509Certificate, chain: readonly X509Certificate[]): ReadonlySet<X509Certificate> {
  const found = new Set([certificate]);
  for (const each of found) {
    for (const issuer of chain) if (each.checkIssued(issuer)) found.add(issuer);
  }
  return found;
}

function outOfOrder(name: string, reason: string): Error {
  return badTls(
    `the chain of ${name} is out of order: ${reason}`,
    "Put the certificate of the key first, and each by the one that has issued it after it: cat cert.pem chain.pem.",
  );
}

function dateWarnings(certificate: X509Certificate, name: string): string[] {
  const { validFrom, validTo } = certificate;
  const now = Date.now();
  if (Date.parse(validTo) < now)
    return [`${subjectOf(certificate)} in ${name} expired on ${validTo}; clients refuse it`];
  if (Date.parse(validFrom) > now) {
    return [`${subjectOf(certificate)} in ${name} is not valid before ${validFrom}; clients refuse it`];
  }
  return [];
}

/** How messages call a certificate: by its last part, which is the common name as a rule. */
function subjectOf({ subject, serialNumber }: X509Certificate): string {
  return (subject as string | undefined)?.split("\n").at(-1) ?? `serial number ${serialNumber}`;
}

/** The host names of `subjectAltName`. Node quotes entries with characters that names of hosts do not have. */
function hostNames({ subjectAltName = "" }: X509Certificate): string[] {
  return subjectAltName
    .split(", ")
    .map((entry) => /^DNS:((?:\*\.)?[\w.-]+)$/.exec(entry)?.[1]?.toLowerCase())
    .filter((name) => name !== undefined);
}
