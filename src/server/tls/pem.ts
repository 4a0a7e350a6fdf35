/** Blocks of PEM (RFC 7468), and what is wrong with a text that should have some. */

import { TsgiError } from "../../errors.ts";

/** One block: `-----BEGIN CERTIFICATE-----` to `-----END CERTIFICATE-----`. */
export interface PemBlock {
  /** What it says that it is: `"CERTIFICATE"`, `"EC PRIVATE KEY"`. */
  readonly label: string;
  readonly text: string;
}

/** badTls makes the error of a key or a certificate that cannot be used. */
export function badTls(message: string, hint: string, cause?: unknown): TsgiError {
  return new TsgiError("TSGI_BAD_TLS", message, { hint, ...(cause !== undefined && { cause }) });
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g;

/** readPem gives the blocks of a text, at least one; `name` is what error messages call it. Throws `TSGI_BAD_TLS`. */
export function readPem(name: string, contents: string | Uint8Array): PemBlock[] {
  const text = typeof contents === "string" ? contents : Buffer.from(contents).toString("latin1");
  const blocks: PemBlock[] = [];
  for (const [whole, label = "", inner = ""] of text.matchAll(BLOCK)) {
    if (!inner.includes("\n") && !inner.includes("\r")) throw withoutLines(name, inner);
    // A line may end as on any system, and be indented as in YAML.
    blocks.push({ label, text: `${whole.replace(/[\t ]*\r?\n[\t ]*|\r/g, "\n")}\n` });
  }
  if (blocks.length > 0) return blocks;
  throw notPem(name, text);
}

function withoutLines(name: string, inner: string): TsgiError {
  return inner.includes("\\n")
    ? badTls(
        `${name} has "\\n" as two characters where lines end`,
        String.raw`Write .replaceAll("\\n", "\n") after it.`,
      )
    : badTls(
        `${name} has no line ends`,
        "Keep those of the file; a shell loses them where a variable is not in quotes.",
      );
}

function notPem(name: string, text: string): TsgiError {
  if (text.trim() === "") return badTls(`${name} is empty`, "Give the contents of a PEM file.");
  if (text.includes("-----BEGIN ")) {
    return badTls(`${name} is incomplete: there is no -----END line for its -----BEGIN`, "Give the whole file.");
  }
  // A sequence of ASN.1, with bytes that no text has.
  if (text.startsWith("0") && !/^[\t\r\n -~]*$/.test(text.slice(0, 16))) {
    return badTls(`${name} is DER, not PEM`, conversionOf(name));
  }
  if (/^(?:\xff\xfe|\xfe\xff)/.test(text)) return badTls(`${name} is UTF-16`, "Save it as plain text, ASCII or UTF-8.");
  if (text.length < 1024 && /^[^\r\n]*[./\\][^\r\n]*$/.test(text.trim())) {
    return badTls(`${name} looks like the name of a file`, `Give its contents: readFileSync(${JSON.stringify(text)}).`);
  }
  return badTls(`${name} is not PEM`, "Give the contents of a file that has a -----BEGIN line.");
}

function conversionOf(name: string): string {
  return name.startsWith("key")
    ? "Convert it: openssl pkey -inform der -in key.der -out key.pem; or, from PKCS#12: openssl pkcs12 -in key.p12 -nodes."
    : "Convert it: openssl x509 -inform der -in cert.der -out cert.pem; or, from PKCS#12: openssl pkcs12 -in cert.p12 -nodes.";
}
