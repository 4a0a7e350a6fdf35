import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { type ConnectionOptions, connect as connectSecurely } from "node:tls";
import type { App, Environ } from "../../../src/gateway.ts";
import { Authority, type Issued, selfSigned } from "../../support/authority.ts";
import { eventually, RawClient, start } from "../../support/raw-client.ts";

const site = selfSigned({ names: ["localhost"] });
const authority = new Authority("/C=DE/O=Example/CN=People");
const middle = new Authority("/CN=Department", authority);
const ann = authority.issue({ subject: "/C=DE/O=A, B \\+ C/OU=Ünï/CN=Ann <x>" });
const bob = selfSigned({ subject: "/CN=Bob" });
const carl = middle.issue({ subject: "/CN=Carl" });

/** An app that gives back what environs say of TLS. */
const variables: App = (environ, startResponse) => {
  startResponse("200 OK", []);
  return `${JSON.stringify(Object.fromEntries(Object.entries(environ).filter(([key]) => key.startsWith("SSL_"))))}\n`;
};

type Said = Partial<Record<keyof Environ, string>>;

async function said(t: TestContext, port: number, options: ConnectionOptions = {}): Promise<Said> {
  const socket = connectSecurely({ port, rejectUnauthorized: false, ...options });
  t.after(() => socket.destroy());
  await once(socket, "secureConnect");
  return ask(new RawClient(socket));
}

async function ask(client: RawClient): Promise<Said> {
  client.clear();
  const [, body = ""] = (await client.get("/").until("}\n")).split("\r\n\r\n");
  return JSON.parse(Buffer.from(body, "latin1").toString());
}

for (const [version, cipher] of [
  ["TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  ["TLSv1.3", "TLS_AES_256_GCM_SHA384"],
] as const) {
  test(`clients: without client certificates, environs name protocol, cipher and name, ${version}`, async (t) => {
    const { server } = await start(t, variables, { tls: site });
    const options = { maxVersion: version, ciphers: cipher };
    const always = { SSL_PROTOCOL: version, SSL_CIPHER: cipher, SSL_CLIENT_VERIFY: "NONE" };
    assert.deepEqual(await said(t, server.port, options), always);
    assert.deepEqual(await said(t, server.port, { ...options, servername: "a.example" }), {
      ...always,
      SSL_TLS_SNI: "a.example",
    });
    assert.deepEqual(await said(t, server.port, { ...options, ...ann }), always);
  });

  const tls = { ...site, ca: authority.cert };
  const options = { maxVersion: version, ciphers: cipher };

  test(`clients: "request" says who the client is, ${version}`, async (t) => {
    const { server } = await start(t, variables, { tls: { ...tls, clientCertificates: "request" } });
    const always = { SSL_PROTOCOL: version, SSL_CIPHER: cipher };
    assert.deepEqual(await said(t, server.port, options), { ...always, SSL_CLIENT_VERIFY: "NONE" });
    assert.deepEqual(await said(t, server.port, { ...options, ...bob }), {
      ...always,
      SSL_CLIENT_VERIFY: "FAILED:DEPTH_ZERO_SELF_SIGNED_CERT",
    });
    const { validFrom, validTo, serialNumber } = new X509Certificate(ann.cert);
    assert.deepEqual(await said(t, server.port, { ...options, ...ann }), {
      ...always,
      SSL_CLIENT_VERIFY: "SUCCESS",
      SSL_CLIENT_S_DN: "CN=Ann \\<x\\>,OU=Ünï,O=A\\, B \\+ C,C=DE",
      SSL_CLIENT_I_DN: "CN=People,O=Example,C=DE",
      SSL_CLIENT_M_SERIAL: serialNumber,
      SSL_CLIENT_V_START: validFrom,
      SSL_CLIENT_V_END: validTo,
      SSL_CLIENT_CERT: ann.cert,
    });
  });

  test(`clients: "require" lets nobody else in, ${version}`, async (t) => {
    let calls = 0;
    const counting: App = (environ, startResponse) => {
      calls++;
      return variables(environ, startResponse);
    };
    const { server } = await start(t, counting, { tls: { ...tls, clientCertificates: "require" } });
    for (const shown of [{}, bob, site, carl, { ...ann, key: ann.key, cert: ann.cert + bob.cert, servername: "x" }]) {
      const isAnn = "servername" in shown;
      const attempt = said(t, server.port, { ...options, ...shown });
      if (isAnn) assert.equal((await attempt).SSL_CLIENT_VERIFY, "SUCCESS");
      else await assert.rejects(attempt);
    }
    assert.equal(
      (await said(t, server.port, { ...options, ...carl, cert: carl.cert + middle.cert })).SSL_CLIENT_S_DN,
      "CN=Carl",
    );
    assert.equal(calls, 2);
  });

  test(`clients: a resumed session is the same client, ${version}`, async (t) => {
    const { server } = await start(t, variables, { tls: { ...tls, clientCertificates: "request" } });
    for (const shown of [{}, ann, bob]) {
      const session = await sessionOf(t, server.port, { ...options, ...shown });
      const socket = connectSecurely({ port: server.port, rejectUnauthorized: false, ...options, session });
      t.after(() => socket.destroy());
      await once(socket, "secureConnect");
      const { SSL_CLIENT_VERIFY, SSL_CLIENT_S_DN } = await ask(new RawClient(socket));
      assert.equal(socket.isSessionReused(), true);
      if (shown === ann) assert.match(SSL_CLIENT_S_DN as string, /^CN=Ann/);
      else assert.equal(SSL_CLIENT_S_DN, undefined);
      assert.match(SSL_CLIENT_VERIFY as string, shown === ann ? /^SUCCESS$/ : shown === bob ? /^FAILED:/ : /^NONE$/);
    }
  });

  test(`clients: a session that began where nobody was asked does not get in, ${version}`, async (t) => {
    const ticketKeys = randomBytes(48);
    const open = await start(t, variables, { tls: { ...site, ticketKeys } });
    const asking = await start(t, variables, { tls: { ...tls, ticketKeys, clientCertificates: "request" } });
    const other = await start(t, variables, {
      tls: { ...tls, ticketKeys, ca: bob.cert, clientCertificates: "require" },
    });
    const closed = await start(t, variables, { tls: { ...tls, ticketKeys, clientCertificates: "require" } });
    for (const [from, shown] of [
      [open, {}],
      [asking, {}],
      [asking, ann],
      [other, bob],
    ] as const) {
      const session = await sessionOf(t, from.server.port, { ...options, ...shown });
      await assert.rejects(said(t, closed.server.port, { ...options, session }));
    }
    const session = await sessionOf(t, closed.server.port, { ...options, ...ann });
    assert.match((await said(t, closed.server.port, { ...options, session })).SSL_CLIENT_S_DN as string, /^CN=Ann/);
    closed.server.reloadTls({ ...site, ca: bob.cert });
    await assert.rejects(said(t, closed.server.port, { ...options, session }));
    assert.equal((await said(t, closed.server.port, { ...options, ...bob })).SSL_CLIENT_S_DN, "CN=Bob");
    await assert.rejects(said(t, closed.server.port, { ...options, ...ann }));
  });
}

async function sessionOf(t: TestContext, port: number, options: ConnectionOptions): Promise<Buffer> {
  const socket = connectSecurely({ port, rejectUnauthorized: false, ...options });
  t.after(() => socket.destroy());
  let session: Buffer | undefined;
  socket.on("session", (given) => {
    session = given;
  });
  await once(socket, "secureConnect");
  await ask(new RawClient(socket));
  await eventually(() => session !== undefined);
  socket.destroy();
  return session as Buffer;
}

test("clients: several authorities in one file", async (t) => {
  const tls = { ...site, ca: authority.cert + bob.cert, clientCertificates: "require" } as const;
  const { server } = await start(t, variables, { tls });
  for (const shown of [ann, bob]) assert.equal((await said(t, server.port, shown)).SSL_CLIENT_VERIFY, "SUCCESS");
});

test("clients: certificates are asked for whatever name the client gives", async (t) => {
  const other = selfSigned({ names: ["other.example"] });
  const tls = { certificates: [site, other], ca: authority.cert, clientCertificates: "require" } as const;
  const { server } = await start(t, variables, { tls });
  const servername = "other.example";
  await assert.rejects(said(t, server.port, { servername }));
  await assert.rejects(said(t, server.port, { servername, ...bob }));
  assert.equal((await said(t, server.port, { servername, ...ann })).SSL_TLS_SNI, servername);
});

test("clients: names are what openssl prints by RFC 2253", async (t) => {
  const { server } = await start(t, variables, { tls: { ...site, ca: authority.cert, clientCertificates: "request" } });
  for (const subject of [
    "/CN=plain",
    "/O=a\\/b/CN= two  spaces ",
    '/CN=#"\\;=\\\\<>',
    "/DC=org/DC=example/UID=7",
    "/C=DE+O=x/CN=多",
  ]) {
    const issued: Issued = authority.issue({ subject });
    const printed = execFileSync("openssl", "x509 -noout -subject -nameopt RFC2253,-esc_msb".split(" "), {
      input: issued.cert,
    });
    const { SSL_CLIENT_S_DN } = await said(t, server.port, issued);
    assert.equal(`subject=${SSL_CLIENT_S_DN}\n`, printed.toString());
  }
});

test("clients: a name that is not one is left out", async (t) => {
  const { server } = await start(t, variables, { tls: site });
  assert.equal((await said(t, server.port, { servername: "a\r\nX: y" })).SSL_TLS_SNI, undefined);
});
