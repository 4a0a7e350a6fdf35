import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { skip } from "./report.js";

/** A certificate for https, made by openssl. */
export function certificate() {
  const folder = mkdtempSync(join(process.env.BENCH_FOLDER, "certificate-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const args = "req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=localhost".split(
    " ",
  );
  if (spawnSync("openssl", [...args, "-keyout", key, "-out", cert]).status !== 0) skip("openssl made no certificate");
  return { key: readFileSync(key), cert: readFileSync(cert) };
}
