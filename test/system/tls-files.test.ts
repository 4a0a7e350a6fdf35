import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { type Issued, selfSigned } from "../support/authority.ts";
import { Command, type Running, until } from "../support/command.ts";

const { running } = new Command(fileURLToPath(new URL("modules", import.meta.url)));
const first = selfSigned({ names: ["first.example"] });
const second = selfSigned({ names: ["second.example"] });

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-files-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function write(folder: string, { key, cert }: Issued): void {
  writeFileSync(join(folder, "key.pem"), key);
  writeFileSync(join(folder, "cert.pem"), cert);
}

function serving(folder: string): Promise<Running> {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  return running("site.mjs", "--port", "0", "--tls-key", key, "--tls-cert", cert);
}

/** The common name of the certificate that is shown. */
async function shown({ url }: Running): Promise<string> {
  const socket = connect({ port: Number(new URL(url).port), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

const RELOADED = "tsgi: reloaded the certificate\n";

test("tls files: another certificate is shown once both files were written", async (t) => {
  const folder = scratch(t);
  write(folder, first);
  const command = await serving(folder);
  assert.equal(await shown(command), "first.example");
  write(folder, second);
  await until(() => command.printed().includes(RELOADED));
  assert.equal(await shown(command), "second.example");
});

test("tls files: files that take the place of others", async (t) => {
  const folder = scratch(t);
  write(folder, first);
  const command = await serving(folder);
  mkdirSync(join(folder, "new"));
  write(join(folder, "new"), second);
  for (const name of ["key.pem", "cert.pem"]) renameSync(join(folder, "new", name), join(folder, name));
  await until(() => command.printed().includes(RELOADED));
  assert.equal(await shown(command), "second.example");
});

test("tls files: a link to a folder that is changed, as Kubernetes does", async (t) => {
  const folder = scratch(t);
  for (const [name, issued] of Object.entries({ one: first, two: second })) {
    mkdirSync(join(folder, name));
    write(join(folder, name), issued);
  }
  symlinkSync("one", join(folder, "data"));
  const command = await serving(join(folder, "data"));
  symlinkSync("two", join(folder, "next"));
  renameSync(join(folder, "next"), join(folder, "data"));
  await until(() => command.printed().includes(RELOADED));
  assert.equal(await shown(command), "second.example");
});

test("tls files: half of a change is reported, and the old certificate shown until the rest comes", async (t) => {
  const folder = scratch(t);
  write(folder, first);
  const command = await serving(folder);
  writeFileSync(join(folder, "cert.pem"), second.cert);
  const message = "tsgi: the certificate was not reloaded: key and cert of tls do not belong together";
  await until(() => command.printed().includes(message));
  assert.equal(await shown(command), "first.example");
  writeFileSync(join(folder, "key.pem"), second.key);
  await until(() => command.printed().includes(RELOADED));
  assert.equal(await shown(command), "second.example");
  assert.equal(command.printed().split("not reloaded").length, 2);
});

test("tls files: files that are gone for a while are waited for", async (t) => {
  const folder = scratch(t);
  write(folder, first);
  const command = await serving(folder);
  rmSync(join(folder, "cert.pem"));
  writeFileSync(join(folder, "key.pem"), second.key);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.equal(await shown(command), "first.example");
  writeFileSync(join(folder, "cert.pem"), second.cert);
  await until(() => command.printed().includes(RELOADED));
  assert.equal(await shown(command), "second.example");
  assert.doesNotMatch(command.printed(), /not reloaded/);
});
