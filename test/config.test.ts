import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findAccount } from "../src/cli/accounts.ts";
import { parseBind } from "../src/cli/configuration/bind.ts";
import { type Configuration, configurationOf } from "../src/cli/configuration/configuration.ts";
import { formatDuration, parseDuration } from "../src/cli/configuration/duration.ts";
import type { SettingName } from "../src/cli/configuration/setting.ts";
import { flagOf, SETTING_NAMES, settingOf } from "../src/cli/configuration/settings.ts";
import { formatSize, parseSize } from "../src/cli/configuration/size.ts";
import { type FlagValue, type Resolved, resolveSettings } from "../src/cli/configuration/sources.ts";
import { defineConfig, type TsgiConfig } from "../src/config.ts";

/** What is given beside a config file in /site. */
interface Given {
  readonly flags?: { readonly [Name in SettingName]?: FlagValue };
  readonly environment?: NodeJS.ProcessEnv;
}

function resolved(config: object = {}, { flags = {}, environment = {} }: Given = {}): Resolved {
  return resolveSettings({
    flags: new Map(Object.entries(flags) as [SettingName, FlagValue][]),
    file: { name: "tsgi.config.ts", folder: process.cwd(), config: config as Record<string, unknown> },
    environment,
  });
}

function configured(config: TsgiConfig = {}, given: Given = {}): Configuration {
  return configurationOf(resolved(config, given), { kind: "folder", folder: ".", options: {} as never });
}

const failure = (message: string) => ({ message, exitCode: 2 });

test("defineConfig: gives back what it is given", () => {
  const config = { app: "site.ts", bind: ":8000", timeout: "30s", maxMemory: "512M", workers: "auto" } as const;
  assert.equal(defineConfig(config), config);
  // @ts-expect-error: a unit that there is not.
  defineConfig({ timeout: "30 fortnights" });
  // @ts-expect-error: a key that there is not.
  defineConfig({ prot: 1 });
});

test("config: durations", () => {
  for (const [text, expected] of [
    ["0", 0],
    ["250", 250],
    ["500ms", 500],
    ["30s", 30_000],
    ["1.5s", 1500],
    ["0.1s", 100],
    ["5m", 300_000],
    ["1h", 3_600_000],
  ] as const) {
    assert.equal(parseDuration(text), expected, text);
  }
  for (const text of ["", "s", "-1", "+1", "1e3", "30 s", "30S", "1d", "0.0001s", "1.5", ".5s", "1s ", "0x10", "٣s"]) {
    assert.equal(parseDuration(text), undefined, text);
  }
  assert.deepEqual([0, 250, 1500, 30_000, 90_000, 300_000, 7_200_000].map(formatDuration), [
    ..."0 250ms 1500ms 30s 90s 5m 2h".split(" "),
  ]);
});

test("config: sizes", () => {
  for (const [text, expected] of [
    ["0", 0],
    ["100", 100],
    ["16K", 16_384],
    ["16k", 16_384],
    ["512M", 536_870_912],
    ["512MB", 536_870_912],
    ["1.5GiB", 1_610_612_736],
  ] as const) {
    assert.equal(parseSize(text), expected, text);
  }
  for (const text of ["", "K", "-1", "1T", "1 K", "0.0001K", "9999999G", "1e3"]) {
    assert.equal(parseSize(text), undefined, text);
  }
  assert.deepEqual([0, 100, 1024, 1536, 536_870_912].map(formatSize), [..."0 100 1K 1536 512M".split(" ")]);
});

test("config: places to listen on", () => {
  const hasIPv6 = Object.values(networkInterfaces()).some((each = []) => each.some(({ family }) => family === "IPv6"));
  for (const [text, expected] of [
    ["127.0.0.1:8000", { host: "127.0.0.1", port: 8000 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    [":8000", { host: hasIPv6 ? "::" : "0.0.0.0", port: 8000 }],
    ["[::1]:8000", { host: "::1", port: 8000 }],
    ["[::]:65535", { host: "::", port: 65_535 }],
    ["unix:site.sock", { unix: "site.sock" }],
    ["unix:/run/a b.sock?mode=660", { unix: "/run/a b.sock", mode: 0o660 }],
    ["unix:site.sock?mode=0600", { unix: "site.sock", mode: 0o600 }],
    ["fd:3", { fd: 3 }],
  ] as const) {
    assert.deepEqual(parseBind(text), expected, text);
  }
  for (const text of [
    ..."8000 host host: host:x host:65536 host:-1 ::1:8000 [::1] [::1]8000 [host]:1 [127.0.0.1]:1 http://host:1".split(
      " ",
    ),
    ...[
      "",
      ":",
      "a b:1",
      "unix:",
      "unix:?mode=660",
      "unix:a?mode=9",
      "unix:a?mode=66",
      "unix:a?mod=660",
      "fd:",
      "fd:-1",
    ],
    ...["user@host:1", "*:1", "host:1/x", "host:1?mode=660", "[::1%lo]:1x"],
  ]) {
    assert.equal(parseBind(text), undefined, text);
  }
});

test("config: flags before the file, the file before the environment, that before defaults", () => {
  const sources = { flags: { port: "1" }, environment: { PORT: "3", HOST: "c", WEB_CONCURRENCY: "4" } } as const;
  const { values, origins } = resolved({ port: 2, host: "b", grace: undefined }, sources);
  assert.deepEqual(
    (["port", "host", "workers", "grace"] as const).map((name) => [values[name], origins[name]]),
    [
      [1, { from: "flag", name: "--port" }],
      ["b", { from: "file", name: "tsgi.config.ts" }],
      [4, { from: "environment", name: "WEB_CONCURRENCY" }],
      [30_000, { from: "default", name: "" }],
    ],
  );
  assert.equal(resolved({}, { environment: { HOST: "", PORT: "" } }).values.host, "127.0.0.1");
});

test("config: what the first source says of where to listen replaces what others say", () => {
  const places = (config: TsgiConfig, given?: Given) => configured(config, given).places;
  assert.deepEqual(places({ bind: [":1", "fd:3"] }, { flags: { port: "2" } }), [{ host: "127.0.0.1", port: 2 }]);
  assert.deepEqual(places({ host: "::1" }, { flags: { port: "2" } }), [{ host: "::1", port: 2 }]);
  assert.deepEqual(places({ unix: "s" }, { environment: { PORT: "2", HOST: "a" } }), [{ unix: "s" }]);
  assert.deepEqual(places({ port: 1, unix: undefined }, { flags: { bind: ["fd:3", "a:1"] } }), [
    { fd: 3 },
    { host: "a", port: 1 },
  ]);
  const { origins } = resolved({ bind: "a:1" }, { environment: { PORT: "2" } });
  assert.deepEqual(origins.port, { from: "replaced", name: "bind" });
  assert.deepEqual(origins.unix, { from: "default", name: "" });
});

test("config: a passphrase in a file replaces one of the environment", () => {
  const environment = { TSGI_TLS_PASSPHRASE: "secret" };
  const { values } = resolved({ tlsPassphraseFile: "p" }, { environment });
  assert.deepEqual([values.tlsPassphraseFile, values.tlsPassphrase], ["p", undefined]);
});

test("config: alternatives in one source exclude each other", () => {
  for (const [config, flags, message] of [
    [{ bind: ":1", port: 1 }, {}, "tsgi.config.ts: bind replaces host and port; leave those out"],
    [{}, { bind: [":1"], unix: "s" }, "--bind replaces --unix; leave that out"],
    [{}, { unix: "s", port: "1" }, "--unix replaces --host and --port; leave those out"],
    [
      { tlsPassphrase: "a", tlsPassphraseFile: "b" },
      {},
      "tsgi.config.ts: tlsPassphraseFile replaces tlsPassphrase; leave that out",
    ],
  ] as const) {
    assert.throws(() => resolved(config, { flags }), failure(message));
  }
});

/** For each setting that may be wrong: what is wrong in a file, and on the command line. */
const WRONG: { readonly [Name in SettingName]?: readonly [inFile: unknown, text: string | undefined] } = {
  app: ["", undefined],
  interface: ["wsgi", "wsgi"],
  factory: ["true", undefined],
  bind: [[":1", "x"], "x"],
  host: ["", ""],
  port: ["8000", "99999"],
  unix: [1, ""],
  backlog: [0, "0"],
  maxConnections: [-1, "x"],
  proxyProtocol: [["10.0.0.0/99"], "10.0.0.0/8,x"],
  http2: [1, undefined],
  maxConcurrentStreams: [0, undefined],
  tlsKey: [[], ""],
  tlsCert: [{}, ""],
  tlsPassphrase: ["", undefined],
  tlsPassphraseFile: [null, ""],
  tlsClientCa: [1, ""],
  tlsClientCertificates: ["maybe", undefined],
  tlsTicketKeys: [1, ""],
  tlsMinVersion: ["SSLv3", undefined],
  tlsCiphers: [1, undefined],
  handshakeTimeout: ["1 s", undefined],
  headersTimeout: [-1, undefined],
  requestTimeout: ["x", "1d"],
  bodyTimeout: [2 ** 31, "2147483648"],
  keepAliveTimeout: [1.5, "1.5"],
  maxTargetLength: ["1T", undefined],
  maxHeaderSize: ["x", "-1"],
  maxHeadersCount: ["100", undefined],
  maxRequestsPerConnection: [-1, undefined],
  mergeSlashes: ["yes", undefined],
  drainDelay: ["soon", "soon"],
  linger: [true, "x"],
  grace: [Number.NaN, "x"],
  user: ["a b", "a:b"],
  group: [-1, ""],
  umask: [18, "089"],
  pidFile: ["", ""],
  workers: [0, "0"],
  timeout: ["x", "x"],
  bootTimeout: ["x", "x"],
  maxRequests: ["100", "x"],
  maxRequestsJitter: [1.1, "2"],
  maxMemory: ["lots", "lots"],
  readyPath: ["ready", "ready"],
  control: [1, ""],
  status: ["8001", "8001"],
  reload: ["on", undefined],
  development: [0, undefined],
  verbose: [null, undefined],
  quiet: ["no", undefined],
  accessLog: [true, ""],
  accessLogFormat: ["pretty", "pretty"],
};

test("config: a wrong value of each setting is refused, and says what to give", () => {
  assert.deepEqual(Object.keys(WRONG).sort(), [...SETTING_NAMES].sort());
  for (const name of SETTING_NAMES) {
    const [inFile, text] = WRONG[name] as [unknown, string | undefined];
    const { reader, flag } = settingOf(name);
    assert.throws(
      () => resolved({ [name]: inFile }),
      ({ message, exitCode }) =>
        exitCode === 2 &&
        message.startsWith(`tsgi.config.ts: ${name} is `) &&
        message.endsWith(` not ${reader.what}; ${reader.advice}`),
      name,
    );
    if (text === undefined) {
      assert.ok(flag === undefined || reader.isSwitch, name);
      continue;
    }
    const wrong = text === "" ? "is empty" : `${text} is not ${reader.what}`;
    assert.throws(
      () => resolved({}, { flags: { [name]: reader.isList ? [text] : text } }),
      failure(`--${flagOf(name)} ${wrong}; ${reader.advice}`),
    );
  }
});

test("config: a value that is wrong in the environment is refused", () => {
  for (const [environment, message] of [
    [{ PORT: "1\n2" }, "PORT in the environment: 1\\x0a2 is not a port; choose 0 to 65535"],
    [{ PORT: "http" }, "PORT in the environment: http is not a port; choose 0 to 65535"],
    [
      { WEB_CONCURRENCY: "0" },
      "WEB_CONCURRENCY in the environment: 0 is not a number of workers; choose 1 to 1024, or auto",
    ],
  ] as const) {
    assert.throws(() => resolved({}, { environment }), failure(message));
  }
});

test("config: an unknown key is refused with the nearest name", () => {
  assert.throws(() => resolved({ prot: 1 }), failure('tsgi.config.ts: there is no setting "prot"; did you mean port?'));
  assert.throws(
    () => resolved({ "max-connections": 1 }),
    failure('tsgi.config.ts: there is no setting "max-connections"; did you mean maxConnections?'),
  );
  assert.throws(
    () => resolved({ constructor: 1 }),
    failure('tsgi.config.ts: there is no setting "constructor"; tsgi config prints all settings'),
  );
});

test("config: a wrong secret is not shown", () => {
  assert.throws(
    () => resolved({ tlsPassphrase: 123_456 }),
    failure("tsgi.config.ts: tlsPassphrase is not a passphrase; give a text"),
  );
});

test("config: settings that do not go together", () => {
  for (const [config, message] of [
    [{ verbose: true, quiet: true }, "--verbose and --quiet exclude each other; leave one out"],
    [{ tlsKey: "k" }, "https needs both --tls-key and --tls-cert"],
    [
      { tlsKey: ["k", "l"], tlsCert: "c" },
      "there are 2 of --tls-key and 1 of --tls-cert; give each key with its certificate",
    ],
    [{ tlsClientCa: "ca" }, "tlsClientCa needs a certificate; give --tls-key and --tls-cert"],
    [
      { tlsKey: "k", tlsCert: "c", tlsClientCertificates: "require" },
      "tlsClientCertificates needs tlsClientCa: the file of those who issue them",
    ],
  ] as [TsgiConfig, string][]) {
    assert.throws(() => configured(config), failure(message));
  }
});

test("config: a configuration is plain values", () => {
  const config: TsgiConfig = {
    bind: [":1", "unix:s?mode=600"],
    tlsKey: ["a.key", "b.key"],
    tlsCert: ["a.pem", "b.pem"],
    tlsClientCa: "ca.pem",
    umask: "027",
    workers: "auto",
    maxMemory: "512M",
    status: "127.0.0.1:2",
    proxyProtocol: ["10.0.0.0/8", "fd00::/8"],
    accessLog: "-",
  };
  const configuration = configured(config, { flags: { grace: "1m", proxyProtocol: ["10.0.0.0/8,fd00::/8"] } });
  assert.deepEqual(JSON.parse(JSON.stringify(configuration)), JSON.parse(JSON.stringify({ ...configuration })));
  assert.deepEqual(configuration.tls?.certificates, [
    { key: "a.key", cert: "a.pem" },
    { key: "b.key", cert: "b.pem" },
  ]);
  assert.equal(configuration.tls?.clientCertificates, "require");
  assert.deepEqual(configuration.close, { delay: 0, linger: 1000, grace: 60_000 });
  assert.deepEqual(configuration.serve.proxyProtocol, { from: ["10.0.0.0/8", "fd00::/8"] });
  assert.equal(configuration.process.umask, 0o27);
  assert.deepEqual(configuration.supervisor, {
    workers: "auto",
    timeout: 30_000,
    bootTimeout: 60_000,
    maxRequests: 0,
    maxRequestsJitter: 0.1,
    maxMemory: 536_870_912,
    readyPath: undefined,
    control: undefined,
    status: { host: "127.0.0.1", port: 2 },
    reload: false,
  });
});

test("config: what only a supervisor does asks for one", () => {
  for (const config of [{}, { workers: 1, timeout: "30s", maxRequests: 0, maxRequestsJitter: 0.5 }] as TsgiConfig[]) {
    assert.equal(configured(config).isSupervised, false);
  }
  for (const config of [
    { workers: 2 },
    { workers: "auto" },
    { reload: true },
    { control: "c" },
    { status: ":1" },
    { maxRequests: 1 },
    { timeout: "1s" },
    { readyPath: "/" },
  ] as TsgiConfig[]) {
    assert.equal(configured(config).isSupervised, true, JSON.stringify(config));
  }
});

test("config: paths of a file are relative to its folder", () => {
  const { values } = resolveSettings({
    flags: new Map([["pidFile", "flag.pid"]]),
    file: {
      name: "site/tsgi.config.ts",
      folder: join(process.cwd(), "site"),
      config: {
        app: "app.ts:app",
        bind: ["unix:s.sock?mode=660", ":1", "unix:/run/s"],
        tlsKey: "/etc/key.pem",
        tlsCert: ["cert.pem"],
        control: "control",
        status: "unix:status",
        accessLog: "-",
      },
    },
    environment: {},
  });
  assert.deepEqual(
    [
      values.app,
      values.bind,
      values.tlsKey,
      values.tlsCert,
      values.control,
      values.status,
      values.accessLog,
      values.pidFile,
    ],
    [
      join("site", "app.ts:app"),
      ["unix:site/s.sock?mode=660", ":1", "unix:/run/s"],
      ["/etc/key.pem"],
      ["site/cert.pem"],
      "site/control",
      "unix:site/status",
      "-",
      "flag.pid",
    ],
  );
});

test("config: each default and each value is a text that its flag takes", () => {
  for (const name of SETTING_NAMES) {
    const { reader, default: initial } = settingOf(name);
    if (initial !== undefined) assert.deepEqual(reader.fromText(reader.toText(initial)), initial, name);
  }
});

test("config: the comment on each key says its default", () => {
  const source = readFileSync(new URL("../src/config.ts", import.meta.url), "utf8");
  const comments = new Map(
    [...source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}(\w+)\?:/g)].map(([, text, name]) => [name, text]),
  );
  assert.deepEqual([...comments.keys()], SETTING_NAMES);
  for (const name of SETTING_NAMES) {
    const { reader, default: initial, variable, flag } = settingOf(name);
    const comment = comments.get(name) as string;
    if (variable !== undefined) assert.ok(comment.includes(`\`${variable}\``), name);
    if (initial !== undefined) {
      assert.match(
        comment,
        new RegExp(`Default(?:: \`\\w+\` of the environment, or)? \`${reader.toText(initial)}\``),
        name,
      );
    }
    assert.equal(flag?.value === undefined, flag === undefined || reader.isSwitch === true, name);
  }
});

test("config: to become another user needs root", (t) => {
  t.mock.method(process as { geteuid(): number }, "geteuid", () => 1000);
  const message = "--user and --group need root; leave them out, or start tsgi as root";
  assert.throws(() => findAccount({ user: "nobody", group: undefined }), failure(message));
  assert.throws(() => findAccount({ user: undefined, group: 1 }), failure(message));
  assert.equal(findAccount({ user: undefined, group: undefined }), undefined);
});
