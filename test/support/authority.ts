/** Authorities that issue certificates for tests, by `openssl`. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A key and its certificate, both PEM. */
export interface Issued {
  readonly key: string;
  readonly cert: string;
}

/** What a certificate is to say. */
export interface Wanted {
  /** As `openssl -subj` takes it. Default `/CN=` and the first name. */
  readonly subject?: string;
  readonly names?: readonly string[];
  /** Default: a key of the curve P-256. */
  readonly newKey?: string;
  readonly isAuthority?: boolean;
}

const EC = "ec -pkeyopt ec_paramgen_curve:prime256v1";

export class Authority implements Issued {
  readonly key: string;
  readonly cert: string;

  constructor(subject: string, issuer?: Authority) {
    const made = issuer?.issue({ subject, isAuthority: true }) ?? selfSigned({ subject, isAuthority: true });
    this.key = made.key;
    this.cert = made.cert;
  }

  issue(wanted: Wanted): Issued {
    return inFolder((folder) => {
      writeFileSync(join(folder, "ca.key"), this.key);
      writeFileSync(join(folder, "ca.pem"), this.cert);
      writeFileSync(join(folder, "extensions"), extensions(wanted).join("\n"));
      openssl(folder, `req -nodes -utf8 -newkey ${wanted.newKey ?? EC} -keyout key -out request`, subjectOf(wanted));
      openssl(
        folder,
        "x509 -req -days 2 -in request -CA ca.pem -CAkey ca.key -CAcreateserial -extfile extensions -out cert",
      );
    });
  }

  /** Certifies the key of another authority, too. */
  cross({ key }: Issued, subject: string): string {
    return inFolder((folder) => {
      writeFileSync(join(folder, "ca.key"), this.key);
      writeFileSync(join(folder, "ca.pem"), this.cert);
      writeFileSync(join(folder, "key"), key);
      openssl(folder, "req -new -key key -out request", ["-subj", subject]);
      openssl(folder, "x509 -req -days 2 -in request -CA ca.pem -CAkey ca.key -CAcreateserial -out cert");
    }).cert;
  }
}

export function selfSigned(wanted: Wanted): Issued {
  return inFolder((folder) => {
    const added = extensions(wanted).flatMap((line) => ["-addext", line]);
    openssl(folder, `req -x509 -nodes -utf8 -days 2 -newkey ${wanted.newKey ?? EC} -keyout key -out cert`, [
      ...subjectOf(wanted),
      ...added,
    ]);
  });
}

/** Runs `openssl` on what a text file holds. */
export function converted(contents: string, command: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-ca-"));
  try {
    writeFileSync(join(folder, "in"), contents);
    openssl(folder, `${command} -in in -out out`);
    return readFileSync(join(folder, "out"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function subjectOf({ subject, names = [] }: Wanted): string[] {
  return ["-subj", subject ?? `/CN=${names[0]}`];
}

function extensions({ names = [], isAuthority }: Wanted): string[] {
  return [
    ...(names.length > 0 ? [`subjectAltName=${names.map((name) => `DNS:${name}`).join()}`] : []),
    ...(isAuthority ? ["basicConstraints=critical,CA:TRUE"] : []),
  ];
}

function inFolder(make: (folder: string) => void): Issued {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-ca-"));
  try {
    make(folder);
    return { key: readFileSync(join(folder, "key"), "utf8"), cert: readFileSync(join(folder, "cert"), "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function openssl(folder: string, command: string, more: readonly string[] = []): void {
  execFileSync("openssl", [...command.split(" "), ...more], { cwd: folder, stdio: "pipe" });
}
