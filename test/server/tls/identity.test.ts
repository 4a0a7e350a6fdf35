import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { type ConnectionOptions, connect as connectSecurely, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import type { App } from "../../../src/gateway.ts";
import { serve, type TlsOptions } from "../../../src/server/serve.ts";
import { Authority, selfSigned } from "../../support/authority.ts";
import { NODE_FLAGS, pathToRun } from "../../support/compiled.ts";
import { aWhile, eventually, hello, RawClient, start } from "../../support/raw-client.ts";

const first = selfSigned({ names: ["first.example"] });
const second = selfSigned({ names: ["second.example", "*.second.example", "deep.first.example"] });
const wild = selfSigned({ names: ["*.wild.example"], subject: "/CN=wild" });
const special = selfSigned({ names: ["special.wild.example"] });
const nameless = selfSigned({ subject: "/CN=nameless" });
const renewed = selfSigned({ names: ["renewed.example"] });

/** A connection; resolves once its handshake is made. */
async function handshake(t: TestContext, port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return made(t, connectSecurely({ port, rejectUnauthorized: false, ...options }));
}

async function made(t: TestContext, socket: TLSSocket): Promise<TLSSocket> {
  t.after(() => socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

/** The common name of the certificate that a client gets. */
async function shown(t: TestContext, port: number, servername?: string): Promise<string> {
  const socket = await handshake(t, port, { servername: servername ?? "" });
  const name = commonName(socket);
  socket.destroy();
  return name;
}

function commonName(socket: TLSSocket): string {
  return String(socket.getPeerCertificate().subject.CN);
}

test("identity: the certificate is chosen by the name that the client asks for", async (t) => {
  const { server } = await start(t, hello, { tls: { certificates: [first, second, wild, special] } });
  for (const [asked, common] of [
    ["first.example", "first.example"],
    ["FIRST.example", "first.example"],
    ["second.example", "second.example"],
    ["a.second.example", "second.example"],
    ["deep.first.example", "second.example"],
    ["a.wild.example", "wild"],
    ["special.wild.example", "special.wild.example"],
    ["SPECIAL.WILD.EXAMPLE", "special.wild.example"],
    ["a.b.second.example", "first.example"],
    ["wild.example", "first.example"],
    ["elsewhere.example", "first.example"],
    ["second", "first.example"],
    [undefined, "first.example"],
  ]) {
    assert.equal(await shown(t, server.port, asked), common, asked);
  }
});

test("identity: a name of one label is that name alone", async (t) => {
  const label = selfSigned({ names: ["d"] });
  const { server } = await start(t, hello, { tls: { certificates: [first, label] } });
  assert.equal(await shown(t, server.port, "d"), "d");
  assert.equal(await shown(t, server.port, "abcd"), "first.example");
});

test("identity: of two certificates for a name the first counts", async (t) => {
  const again = selfSigned({ names: ["second.example"], subject: "/CN=again" });
  const { server } = await start(t, hello, { tls: { certificates: [first, second, again] } });
  assert.equal(await shown(t, server.port, "second.example"), "second.example");
});

test("identity: RSA and elliptic curves beside one another", async (t) => {
  const rsa = selfSigned({ names: ["rsa.example"], newKey: "rsa:2048" });
  const tls = { certificates: [first, rsa] };
  if (Number.parseInt(process.versions.node, 10) < 24) {
    const message = /^key of tls\.certificates\[1\] is of another kind \(rsa\) than the first of the list \(ec\)\./;
    await assert.rejects(serve(hello, { port: 0, tls }), { code: "TSGI_BAD_TLS", message });
    return;
  }
  const { server } = await start(t, hello, { tls });
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const socket = await handshake(t, server.port, { servername: "rsa.example", maxVersion });
    assert.equal(commonName(socket), "rsa.example");
  }
});

test("identity: the chain is sent, also of a certificate that is not the default", async (t) => {
  const root = new Authority("/CN=Root");
  const middle = new Authority("/CN=Middle", root);
  const site = middle.issue({ names: ["site.example"] });
  const certificates = [first, { ...site, cert: site.cert + middle.cert }];
  const { server } = await start(t, hello, { tls: { certificates } });
  const socket = connectSecurely({ port: server.port, ca: root.cert, servername: "site.example" });
  t.after(() => socket.destroy());
  await once(socket, "secureConnect");
  assert.equal(socket.authorized, true);
});

test("identity: neither TLS 1.1 nor older", async (t) => {
  const { server } = await start(t, hello, { tls: first });
  await assert.rejects(
    handshake(t, server.port, { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
    { code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" },
  );
});

test("identity: minVersion and ciphers", async (t) => {
  const { server } = await start(t, hello, { tls: { ...first, minVersion: "TLSv1.3" } });
  await assert.rejects(handshake(t, server.port, { maxVersion: "TLSv1.2" }), {
    code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
  });
  const other = await start(t, hello, { tls: { ...first, ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" } });
  const socket = await handshake(t, other.server.port, { maxVersion: "TLSv1.2" });
  assert.equal(socket.getCipher().name, "ECDHE-ECDSA-AES256-GCM-SHA384");
});

for (const [what, tls, code, message] of [
  ["a list", [first, second], "TSGI_BAD_OPTION", /^tls is a list\. Give { certificates: \[{ key, cert }, …\] }\.$/],
  [
    "an empty list",
    { certificates: [] },
    "TSGI_BAD_OPTION",
    /^certificates of tls is a list\. Give a list of { key, cert }/,
  ],
  [
    "a list and a key",
    { ...first, certificates: [second] },
    "TSGI_BAD_OPTION",
    /^tls was given key and certificates\./,
  ],
  [
    "one without a key",
    { certificates: [first, { cert: "x" }] },
    "TSGI_BAD_OPTION",
    /^tls\.certificates\[1\] has no key\./,
  ],
  [
    "one with an unknown member",
    { certificates: [{ ...first, kye: "" }] },
    "TSGI_BAD_OPTION",
    /^tls\.certificates\[0\] has no option "kye"\. Did you mean key\?$/,
  ],
  [
    "one that is not good",
    { certificates: [first, { ...second, key: first.key }] },
    "TSGI_BAD_TLS",
    /^key and cert of tls\.certificates\[1\] do not belong together/,
  ],
  [
    "one after the first that has no name",
    { certificates: [first, nameless] },
    "TSGI_BAD_TLS",
    /^cert of tls\.certificates\[1\] is for no host name\./,
  ],
  ["ciphers that do not exist", { ...first, ciphers: "NONSENSE" }, "TSGI_BAD_TLS", /^ciphers of tls/],
  [
    "a version that is too old",
    { ...first, minVersion: "TLSv1" },
    "TSGI_BAD_OPTION",
    /^minVersion of tls is "TLSv1"\./,
  ],
  [
    "ticket keys that are too short",
    { ...first, ticketKeys: Buffer.alloc(47) },
    "TSGI_BAD_OPTION",
    /^ticketKeys of tls is .* Give 48 bytes/,
  ],
  [
    "client certificates without ca",
    { ...first, clientCertificates: "require" },
    "TSGI_BAD_OPTION",
    /^tls has clientCertificates and no ca\./,
  ],
  [
    "ca without client certificates",
    { ...first, ca: second.cert },
    "TSGI_BAD_OPTION",
    /^tls has ca and no clientCertificates\. The chain/,
  ],
  [
    "a ca that is a key",
    { ...first, ca: first.key, clientCertificates: "request" },
    "TSGI_BAD_TLS",
    /^ca of tls is not a certificate/,
  ],
] as const) {
  test(`identity: ${what} is refused`, async () => {
    await assert.rejects(serve(hello, { port: 0, tls: tls as unknown as TlsOptions }), { code, message });
  });
}

test("identity: a weak key is refused", async () => {
  const weak = selfSigned({ names: ["weak.example"], newKey: "rsa:512" });
  await assert.rejects(serve(hello, { port: 0, tls: weak }), { code: "TSGI_BAD_TLS", message: /too small.*2048 bits/ });
});

test("identity: a certificate that has expired is reported and served", async (t) => {
  const expired = selfSigned({ names: ["expired.example"] });
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 3 * 24 * 60 * 60 * 1000 });
  const { server, log } = await start(t, hello, { tls: expired });
  t.mock.timers.reset();
  assert.match(log.join(), /^tsgi: CN=expired\.example in cert of tls expired on .* GMT; clients refuse it\n$/);
  assert.equal(await shown(t, server.port), "expired.example");
});

test("identity: no name is a certificate without names", async (t) => {
  const { server } = await start(t, hello, { tls: nameless });
  assert.equal(await shown(t, server.port, "a.example"), "nameless");
});

test("identity: reloadTls shows other certificates, and leaves connections alone", async (t) => {
  const { server } = await start(t, hello, { tls: first });
  const kept = new RawClient(await handshake(t, server.port));
  await kept.get("/").until("hello");
  assert.equal(server.reloadTls({ certificates: [renewed, second] }), undefined);
  assert.equal(await shown(t, server.port), "renewed.example");
  assert.equal(await shown(t, server.port, "first.example"), "renewed.example");
  assert.equal(await shown(t, server.port, "second.example"), "second.example");
  kept.clear();
  await kept.get("/").until("hello");
  server.reloadTls(first);
  assert.equal(await shown(t, server.port, "second.example"), "first.example");
});

test("identity: reloadTls renews every place", async (t) => {
  const server = await serve(hello, { listen: [{ port: 0 }, { port: 0 }], tls: first });
  t.after(() => server.close({ grace: 0 }));
  server.reloadTls(renewed);
  for (const url of server.urls) assert.equal(await shown(t, Number(new URL(url).port)), "renewed.example");
});

test("identity: reloadTls changes nothing where it throws", async (t) => {
  const { server } = await start(t, hello, { tls: { certificates: [first, second] } });
  for (const [tls, code] of [
    [{ ...renewed, key: first.key }, "TSGI_BAD_TLS"],
    [{ certificates: [renewed, { ...second, cert: "" }] }, "TSGI_BAD_TLS"],
    [{ certificates: [renewed, nameless] }, "TSGI_BAD_TLS"],
    [{ ...renewed, ciphers: "NONSENSE" }, "TSGI_BAD_TLS"],
    [{}, "TSGI_BAD_OPTION"],
    [{ ...renewed, clientCertificates: "require", ca: first.cert }, "TSGI_BAD_OPTION"],
    [undefined, "TSGI_BAD_OPTION"],
  ] as [TlsOptions, string][]) {
    assert.throws(() => server.reloadTls(tls), { code });
    assert.equal(await shown(t, server.port), "first.example");
    assert.equal(await shown(t, server.port, "second.example"), "second.example");
  }
});

test("identity: reloadTls of a server without TLS", async (t) => {
  const { server } = await start(t, hello);
  assert.throws(() => server.reloadTls(first), {
    code: "TSGI_BAD_TLS",
    message: "this server has no TLS. Give tls to serve.",
  });
});

test("identity: reloads lose no request of clients that connect and that stay", async (t) => {
  const { server } = await start(t, hello, { tls: { certificates: [first, second] } });
  let isOver = false;
  const seen = new Set<string>();
  let answered = 0;
  const fresh = async (): Promise<void> => {
    while (!isOver) {
      const socket = await handshake(t, server.port);
      seen.add(commonName(socket));
      assert.match(
        await new RawClient(socket).get("/", "Connection: close").all(),
        /^HTTP\/1\.1 200 OK\r\n[\s\S]*hello$/,
      );
      answered++;
    }
  };
  const kept = async (): Promise<void> => {
    const client = new RawClient(await handshake(t, server.port));
    while (!isOver) {
      client.clear();
      await client.get("/").until("hello");
      answered++;
    }
  };
  const clients = [fresh(), fresh(), fresh(), fresh(), kept(), kept(), kept(), kept()];
  for (let round = 0; round < 20; round++) {
    const before = answered;
    await Promise.race([eventually(() => answered > before + 8), Promise.all(clients)]);
    server.reloadTls(round % 2 === 0 ? renewed : { certificates: [first, second] });
  }
  isOver = true;
  await Promise.all(clients);
  assert.deepEqual([...seen].sort(), ["first.example", "renewed.example"]);
});

/** The session of a connection that made a request; TLS 1.3 sends it after the handshake. */
async function sessionOf(t: TestContext, port: number, options: ConnectionOptions): Promise<Buffer> {
  const socket = connectSecurely({ port, rejectUnauthorized: false, ...options });
  let session: Buffer | undefined;
  socket.on("session", (given) => {
    session = given;
  });
  await made(t, socket);
  const client = new RawClient(socket);
  await client.get("/").until("hello");
  await eventually(() => session !== undefined);
  socket.destroy();
  return session as Buffer;
}

async function isResumed(t: TestContext, port: number, options: ConnectionOptions): Promise<boolean> {
  const socket = await handshake(t, port, options);
  const isReused = socket.isSessionReused();
  socket.destroy();
  return isReused;
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  const options = { minVersion: version, maxVersion: version } as const;

  test(`identity: a session of ${version} goes on after a reload, until the ticket keys are renewed`, async (t) => {
    const { server } = await start(t, hello, { tls: { certificates: [first, second] } });
    for (const servername of ["", "second.example"]) {
      const session = await sessionOf(t, server.port, { ...options, servername });
      server.reloadTls({ certificates: [renewed, second] });
      assert.equal(await isResumed(t, server.port, { ...options, session, servername }), true);
    }
    const session = await sessionOf(t, server.port, options);
    server.reloadTls({ ...renewed, ticketKeys: randomBytes(48) });
    assert.equal(await isResumed(t, server.port, { ...options, session }), false);
  });

  test(`identity: servers with other ticket keys do not resume a session of ${version}`, async (t) => {
    const [one, other] = [await start(t, hello, { tls: first }), await start(t, hello, { tls: first })];
    const session = await sessionOf(t, one.server.port, options);
    assert.equal(await isResumed(t, other.server.port, { ...options, session }), false);
    assert.equal(await isResumed(t, one.server.port, { ...options, session }), true);
  });
}

const server = pathToRun(fileURLToPath(new URL("../../support/fixtures/tls-server.ts", import.meta.url)));

/** A server in a process of its own. */
async function startProcess(
  t: TestContext,
  tls: TlsOptions,
  ...args: string[]
): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [...NODE_FLAGS, server, ...args], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  t.after(() => child.kill());
  child.send(tls);
  const [port] = (await once(child, "message")) as [number];
  return { child, port };
}

test("identity: two processes with the same ticket keys resume each other's sessions, 100 of 100", async (t) => {
  const ticketKeys = randomBytes(48).toString("base64");
  const tls = { certificates: [first, second], ticketKeys } as unknown as TlsOptions;
  const ports = [(await startProcess(t, tls, "one")).port, (await startProcess(t, tls, "other")).port];
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    let resumed = 0;
    for (let round = 0; round < 50; round++) {
      const options = { minVersion: version, maxVersion: version, servername: round % 2 === 0 ? "" : "second.example" };
      const session = await sessionOf(t, ports[round % 2] as number, options);
      if (await isResumed(t, ports[(round + 1) % 2] as number, { ...options, session })) resumed++;
    }
    assert.equal(resumed, 50, version);
  }
});

for (const [what, options, header] of [
  ["", {}, ""],
  [" behind a proxy", { proxyProtocol: { from: ["127.0.0.1"] } }, "PROXY TCP4 192.0.2.7 198.51.100.1 55798 443\r\n"],
] as const) {
  test(`identity: a client that ends amid the handshake${what} is let go`, async (t) => {
    const { connect: open } = await start(t, hello, { tls: first, handshakeTimeout: 0, ...options });
    for (const begun of ["", "\x16\x03\x01"]) {
      const client = await open();
      client.send(header + begun).socket.end();
      assert.equal(await client.all(), "");
    }
  });
}

test("identity: a client that ends its side after the handshake gets its answer", async (t) => {
  const late: App = async (environ, startResponse) => {
    await aWhile();
    return hello(environ, startResponse);
  };
  const { server } = await start(t, late, { tls: first });
  const client = new RawClient(await handshake(t, server.port, { allowHalfOpen: true } as ConnectionOptions));
  client.get("/").socket.end();
  assert.match(await client.all(), /hello$/);
});
