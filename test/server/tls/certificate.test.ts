import assert from "node:assert/strict";
import { test } from "node:test";
import type { TsgiError } from "../../../src/errors.ts";
import { readCertificate } from "../../../src/server/tls/certificate.ts";
import { Authority, converted, selfSigned } from "../../support/authority.ts";

const root = new Authority("/CN=Root");
const middle = new Authority("/CN=Middle", root);
const site = middle.issue({ names: ["Example.com", "*.example.com"] });
const other = selfSigned({ names: ["other.example"] });
const rsa = selfSigned({ names: ["rsa.example"], newKey: "rsa:2048" });
const chain = site.cert + middle.cert + root.cert;

const encrypted = converted(site.key, "pkcs8 -topk8 -passout pass:secret").toString();
const encryptedAsEver = converted(rsa.key, "rsa -traditional -aes128 -passout pass:secret").toString();

function read(given: { key: string | Uint8Array; cert: string | Uint8Array; passphrase?: string }) {
  return readCertificate({ ...given, owner: "tls" });
}

/** Each thing that is wrong: what is given, the message and the hint. */
const wrong: readonly [what: string, given: Parameters<typeof read>[0], message: RegExp, hint: RegExp][] = [
  ["an empty key", { ...site, key: "" }, /^key of tls is empty\./, /contents of a PEM file/],
  ["an empty certificate", { ...site, cert: " \n" }, /^cert of tls is empty\./, /contents of a PEM file/],
  [
    "the name of a file",
    { ...site, key: "./certs/key.pem" },
    /^key of tls looks like the name of a file\./,
    /readFileSync\("\.\/certs\/key\.pem"\)/,
  ],
  ["something else", { ...site, cert: "hello" }, /^cert of tls is not PEM\./, /-----BEGIN line/],
  ["a key that is cut off", { ...site, key: site.key.slice(0, 90) }, /^key of tls is incomplete/, /the whole file/],
  [
    "a certificate that is cut off",
    { ...site, cert: site.cert.slice(0, 90) },
    /^cert of tls is incomplete/,
    /whole file/,
  ],
  [
    "a key in DER",
    { ...site, key: converted(site.key, "pkey -outform der") },
    /^key of tls is DER/,
    /openssl pkey -inform der/,
  ],
  [
    "a certificate in DER",
    { ...site, cert: converted(site.cert, "x509 -outform der") },
    /^cert of tls is DER/,
    /openssl x509 -inform der/,
  ],
  ["UTF-16", { ...site, cert: Buffer.from(`\ufeff${site.cert}`, "utf16le") }, /^cert of tls is UTF-16/, /UTF-8/],
  [
    "line ends of two characters",
    { ...site, key: site.key.replaceAll("\n", "\\n") },
    /^key of tls has "\\n" as two characters/,
    /\.replaceAll\("\\\\n", "\\n"\)/,
  ],
  ["no line ends", { ...site, key: site.key.replaceAll("\n", " ") }, /^key of tls has no line ends/, /quotes/],
  [
    "key and certificate swapped",
    { key: site.cert, cert: site.key },
    /^key and cert of tls are swapped/,
    /other's place/,
  ],
  [
    "a certificate as key",
    { key: site.cert, cert: site.cert },
    /^key of tls is not a private key: it says CERTIFICATE/,
    /private key/,
  ],
  [
    "a key as certificate",
    { key: site.key, cert: site.key },
    /^cert of tls is not a certificate: it says PRIVATE KEY/,
    /certificate/,
  ],
  [
    "a public key",
    { ...site, key: converted(site.key, "pkey -pubout").toString() },
    /^key of tls is not a private key: it says PUBLIC KEY/,
    /private key/,
  ],
  [
    "a signing request",
    { ...site, cert: site.cert.replaceAll("CERTIFICATE", "CERTIFICATE REQUEST") },
    /^cert of tls is not a certificate: it says CERTIFICATE REQUEST/,
    /that the authority made/,
  ],
  [
    "a key of OpenSSH",
    { ...site, key: site.key.replaceAll("PRIVATE", "OPENSSH PRIVATE") },
    /^key of tls is not a private key: it says OPENSSH PRIVATE KEY/,
    /ssh-keygen -p -m PKCS8/,
  ],
  ["a garbled key", { ...site, key: garbled(site.key) }, /^key of tls is garbled: /, /byte by byte/],
  ["a garbled certificate", { ...site, cert: garbled(site.cert) }, /^cert of tls is garbled: /, /byte by byte/],
  [
    "a garbled certificate of the chain",
    { ...site, cert: site.cert + garbled(middle.cert) },
    /^certificate 2 of cert of tls is garbled: /,
    /byte by byte/,
  ],
  ["an encrypted key without passphrase", { ...site, key: encrypted }, /^key of tls is encrypted/, /passphrase/],
  [
    "a wrong passphrase",
    { ...site, key: encrypted, passphrase: "x" },
    /^key of tls cannot be decrypted/,
    /Check passphrase/,
  ],
  [
    "an empty passphrase",
    { ...site, key: encrypted, passphrase: "" },
    /^key of tls cannot be decrypted/,
    /Check passphrase/,
  ],
  [
    "an old encrypted key without passphrase",
    { ...rsa, key: encryptedAsEver },
    /^key of tls is encrypted/,
    /passphrase/,
  ],
  [
    "an old encrypted key with a wrong one",
    { ...rsa, key: encryptedAsEver, passphrase: "x" },
    /cannot be decrypted/,
    /Check/,
  ],
  [
    "the key of another certificate",
    { ...site, key: other.key },
    /^key and cert of tls do not belong together: CN=Example\.com has another key/,
    /openssl pkey -pubout/,
  ],
  [
    "the key of another kind",
    { ...site, key: rsa.key },
    /^key and cert of tls do not belong together/,
    /openssl pkey -pubout/,
  ],
  [
    "a chain that begins with the issuer",
    { ...site, cert: middle.cert + site.cert },
    /^the chain of cert of tls is out of order: the certificate of the key is number 2/,
    /cat cert\.pem chain\.pem/,
  ],
  [
    "a chain in another order",
    { ...site, cert: site.cert + root.cert + middle.cert },
    /out of order: certificate 2 \(CN=Root\) has issued none before it/,
    /cat cert\.pem chain\.pem/,
  ],
  [
    "a chain with a stranger",
    { ...site, cert: site.cert + middle.cert + other.cert },
    /^certificate 3 \(CN=other\.example\) of cert of tls is not of its chain/,
    /Leave it out/,
  ],
  [
    "a certificate twice",
    { ...site, cert: site.cert + chain },
    /^certificate 2 \(CN=Example\.com\) of cert of tls is there twice/,
    /Leave/,
  ],
];

function garbled(pem: string): string {
  const lines = pem.split("\n");
  lines.splice(2, 1);
  return lines.join("\n");
}

for (const [what, given, message, hint] of wrong) {
  test(`certificate: ${what}`, () => {
    assert.throws(
      () => read(given),
      (error: TsgiError) => {
        assert.equal(error.code, "TSGI_BAD_TLS");
        assert.match(error.message, message);
        assert.match(error.hint as string, hint);
        return true;
      },
    );
  });
}

const right: readonly [what: string, given: Parameters<typeof read>[0], cert: string][] = [
  ["with its chain", { ...site, cert: chain }, chain],
  ["without its chain", site, site.cert],
  ["as bytes", { key: Buffer.from(site.key), cert: new Uint8Array(Buffer.from(site.cert)) }, site.cert],
  [
    "with line ends of Windows, a mark at the start and text around it",
    { ...site, cert: `\ufeffx\r\n${site.cert.replaceAll("\n", "\r\n")}y` },
    site.cert,
  ],
  ["indented", { ...site, cert: site.cert.replaceAll("\n", "\n    ") }, site.cert],
  ["and its key in one file", { key: site.cert + site.key, cert: site.key + site.cert }, site.cert],
  ["with an encrypted key", { ...site, key: encrypted, passphrase: "secret" }, site.cert],
  ["with an old encrypted key", { ...rsa, key: encryptedAsEver, passphrase: "secret" }, rsa.cert],
  ["with a passphrase that is not needed", { ...site, passphrase: "secret" }, site.cert],
  [
    "with the parameters of its curve",
    { ...site, key: `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${site.key}` },
    site.cert,
  ],
];

for (const [what, given, cert] of right) {
  test(`certificate: ${what}`, () => assert.equal(read(given).cert, cert));
}

test("certificate: both of two that certify one issuer may follow it", () => {
  const crossed = new Authority("/CN=Elsewhere").cross(middle, "/CN=Middle");
  const cert = site.cert + middle.cert + crossed;
  assert.equal(read({ ...site, cert }).cert, cert);
});

test("certificate: its names are those of subjectAltName, in lower case", () => {
  assert.deepEqual(read(site).names, ["example.com", "*.example.com"]);
});

test("certificate: one that has expired, or is not valid yet, is odd and no error", (t) => {
  const day = 24 * 60 * 60 * 1000;
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 3 * day });
  assert.match(read(site).warnings.join(), /^CN=Example\.com in cert of tls expired on .* GMT; clients refuse it$/);
  t.mock.timers.setTime(Date.now() - 10 * day);
  assert.match(
    read({ ...site, cert: site.cert + middle.cert }).warnings.join("\n"),
    /^CN=Example\.com in cert of tls is not valid before .* GMT; clients refuse it\nCN=Middle /,
  );
});
