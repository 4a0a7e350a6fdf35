import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { SettingName } from "../../src/cli/configuration/setting.ts";
import { flagOf, SETTING_NAMES, settingOf } from "../../src/cli/configuration/settings.ts";
import type { TsgiConfig } from "../../src/config.ts";
import { Command } from "../support/command.ts";
import { root } from "../support/session.ts";

// Within the package, so that a config file can import it by its name.
const scratch = mkdtempSync(join(root, "dist/config-"));

after(() => rmSync(scratch, { recursive: true, force: true }));

function write(name: string, text: string): string {
  writeFileSync(join(scratch, name), text);
  return name;
}

/** A command that ends by itself, while others run. */
async function ended(args: readonly string[], environment: NodeJS.ProcessEnv = {}, folder = scratch) {
  const { child, printed } = new Command(folder, environment).started(...args);
  const [code] = (await once(child, "close")) as [number];
  return { code, printed: printed() };
}

interface Shown {
  readonly value: unknown;
  readonly from: string;
  readonly name?: string;
}

async function shown(
  args: readonly string[],
  environment?: NodeJS.ProcessEnv,
  folder?: string,
): Promise<Record<SettingName, Shown>> {
  const { code, printed } = await ended(["config", "--json", ...args], environment, folder);
  assert.equal(code, 0, printed);
  return JSON.parse(printed) as Record<SettingName, Shown>;
}

/** Each setting with what a file may say, and what it comes to where that is something else. */
const FILE: { readonly [Name in SettingName]?: readonly [TsgiConfig[Name], unknown?] } = {
  app: ["site.mjs:app"],
  interface: ["fetch"],
  factory: [true],
  bind: [":1", [":1"]],
  host: ["::1"],
  port: [1],
  unix: ["site.sock"],
  backlog: [2],
  maxConnections: [3],
  proxyProtocol: [["10.0.0.0/8", "::1"]],
  http2: [true],
  maxConcurrentStreams: [4],
  tlsKey: [["a.key", "b.key"]],
  tlsCert: [["a.pem", "b.pem"]],
  tlsPassphrase: ["hunter2", "********"],
  tlsPassphraseFile: ["passphrase"],
  tlsClientCa: ["ca.pem"],
  tlsClientCertificates: ["request"],
  tlsTicketKeys: ["tickets"],
  tlsMinVersion: ["TLSv1.3"],
  tlsCiphers: ["TLS_AES_128_GCM_SHA256"],
  handshakeTimeout: ["5s", 5000],
  headersTimeout: [6],
  requestTimeout: ["7m", 420_000],
  bodyTimeout: ["8ms", 8],
  keepAliveTimeout: ["1h", 3_600_000],
  maxTargetLength: ["1K", 1024],
  maxHeaderSize: [2048],
  maxHeadersCount: [9],
  maxRequestsPerConnection: [10],
  mergeSlashes: [false],
  drainDelay: ["1s", 1000],
  linger: ["2s", 2000],
  grace: ["3s", 3000],
  user: ["nobody"],
  group: [65_534],
  umask: ["027"],
  pidFile: ["site.pid"],
  workers: ["auto"],
  timeout: ["11s", 11_000],
  bootTimeout: ["12s", 12_000],
  maxRequests: [13],
  maxRequestsJitter: [0.5],
  maxMemory: ["1G", 1_073_741_824],
  readyPath: ["/ready"],
  control: ["control.sock"],
  status: ["127.0.0.1:14"],
  reload: [true],
  development: [true],
  verbose: [true],
  quiet: [true],
  accessLog: ["off"],
  accessLogFormat: ["json"],
};

/** Not all of them go together. */
const GROUPS: readonly (readonly SettingName[])[] = [
  SETTING_NAMES.filter((name) => !["host", "port", "unix", "tlsPassphraseFile", "quiet", "reload"].includes(name)),
  ["host", "port", "tlsKey", "tlsCert", "tlsPassphraseFile", "quiet", "reload"],
  ["unix"],
];

test("configuration: every setting is read from a config file", async () => {
  assert.deepEqual(Object.keys(FILE), SETTING_NAMES);
  await Promise.all(
    GROUPS.map(async (names, index) => {
      const given = JSON.stringify(Object.fromEntries(names.map((name) => [name, FILE[name]?.[0]])));
      const typed = `import { defineConfig } from "tsgi";\nexport default defineConfig(${given});\n`;
      const file = write(`every.${["ts", "mjs", "json"][index]}`, index === 2 ? given : typed);
      const found = await shown(["--config", file]);
      for (const name of names) {
        const [value, read = value] = FILE[name] as [unknown, unknown?];
        assert.deepEqual(found[name], { value: read, from: "file", name: file }, name);
      }
    }),
  );
});

test("configuration: what each flag, setting and variable does is tried by some test that runs the command", () => {
  const folder = join(root, "test/system");
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith(".test.ts") && !import.meta.url.includes(name.replace(/\.ts$/, "")))
    .map((name) => readFileSync(join(folder, name), "utf8"));
  const isTried = (pattern: RegExp) => texts.some((text) => pattern.test(text));
  const untried = SETTING_NAMES.flatMap((name) => {
    const { flag, variable } = settingOf(name);
    const ways: [string, RegExp][] = [];
    if (flag !== undefined) ways.push([`--${flagOf(name)}`, new RegExp(`--${flagOf(name)}(?![\\w-])`)]);
    if (variable !== undefined) ways.push([`$${variable}`, new RegExp(`\\b${variable}: "[^"]`)]);
    if (ways.length === 0) ways.push([name, new RegExp(`\\b${name}"?: `)]);
    return ways.filter(([, pattern]) => !isTried(pattern)).map(([way]) => way);
  });
  assert.deepEqual(untried, []);
});

/** A setting as the command line gives it. */
function flagsOf(name: SettingName): string[] {
  const { reader } = settingOf(name);
  const value = reader.fromFile(FILE[name]?.[0]);
  if (reader.isSwitch) return [`--${flagOf(name)}`];
  const texts = name === "tlsKey" || name === "tlsCert" ? (value as string[]) : [reader.toText(value)];
  return texts.flatMap((text) => [`--${flagOf(name)}`, text]);
}

test("configuration: every flag is read, and comes before a config file", async () => {
  const file = write(
    "other.json",
    JSON.stringify({ port: 99, grace: 99, reload: false, bodyTimeout: 99, quiet: false }),
  );
  await Promise.all(
    GROUPS.map(async (group) => {
      const names = group.filter((name) => settingOf(name).flag !== undefined);
      const found = await shown(["site.ts", "--config", file, ...names.flatMap(flagsOf)]);
      assert.deepEqual(found.app, { value: "site.ts", from: "flag", name: "the argument" });
      for (const name of names) {
        const [value, read = value] = FILE[name] as [unknown, unknown?];
        assert.deepEqual(found[name], { value: read, from: "flag", name: `--${flagOf(name)}` }, name);
      }
    }),
  );
});

test("configuration: is printed with where it comes from, and without secrets", async () => {
  const folder = join(scratch, "site");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "tsgi.config.js"),
    'module.exports = { app: "site.ts", bind: [":8000", "fd:3"], http2: true, grace: "90s" };\n',
  );
  writeFileSync(join(folder, "package.json"), '{ "type": "commonjs" }\n');
  const environment = { TSGI_TLS_PASSPHRASE: "hunter2", PORT: "1", WEB_CONCURRENCY: "3" };
  const { code, printed } = await ended(["config", "--no-http2", "--max-header-size", "64K"], environment, folder);
  assert.equal(code, 0, printed);
  const lines = printed.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.split(" ", 1)[0]),
    SETTING_NAMES,
  );
  const wanted = [
    "app",
    "bind",
    "port",
    "http2",
    "tlsPassphrase",
    "keepAliveTimeout",
    "maxHeaderSize",
    "grace",
    "workers",
  ];
  assert.deepEqual(
    lines.map((line) => line.split(/ {2,}/)).filter(([name = ""]) => wanted.includes(name)),
    [
      ["app", "site.ts", "tsgi.config.js"],
      ["bind", ":8000 fd:3", "tsgi.config.js"],
      ["port", "-", "replaced by bind"],
      ["http2", "false", "--no-http2"],
      ["tlsPassphrase", "********", "$TSGI_TLS_PASSPHRASE"],
      ["keepAliveTimeout", "5s", "default"],
      ["maxHeaderSize", "64K", "--max-header-size"],
      ["grace", "90s", "tsgi.config.js"],
      ["workers", "3", "$WEB_CONCURRENCY"],
    ],
  );
});

test("configuration: the first file of its names counts, and static reads one only where it is named", async () => {
  const folder = join(scratch, "several");
  mkdirSync(folder);
  writeFileSync(join(folder, "tsgi.config.json"), '{ "port": 1 }');
  writeFileSync(join(folder, "tsgi.config.mjs"), "export default { port: 2 };\n");
  writeFileSync(join(folder, "tsgi.config.js"), "throw new Error('not this one');\n");
  writeFileSync(join(folder, "tsgi.config.mts"), "export default { port: 3 as number };\n");
  const [found, ofFolder] = await Promise.all([
    shown([], {}, folder),
    ended(["static", "--config", "tsgi.config.js"], {}, folder),
  ]);
  assert.deepEqual(found.port, { value: 3, from: "file", name: "tsgi.config.mts" });
  assert.deepEqual(ofFolder, {
    code: 2,
    printed: "tsgi: tsgi.config.js cannot be loaded: Error: not this one (tsgi.config.js:1:7)\n",
  });
});

test("configuration: what is wrong is one line and exit code 2", async () => {
  const named = (name: string, text: string): string[] => ["site.ts", "--config", write(name, text)];
  await Promise.all(
    (
      [
        [["config", "--config", "nope.ts"], "there is no config file nope.ts; check the path"],
        [named("unknown.json", '{ "prot": 1 }'), 'unknown.json: there is no setting "prot"; did you mean port?'],
        [
          named("wrong.mjs", 'export default { grace: "soon" };'),
          'wrong.mjs: grace is "soon", not a duration; give milliseconds, or a unit: 500ms, 30s, 5m, 1h',
        ],
        [
          named("named.mjs", "export const port = 1;"),
          "named.mjs has no default export; write: export default defineConfig({ … })",
        ],
        [
          named("list.mjs", "export default [];"),
          "list.mjs: its config is a list; give an object: defineConfig({ … })",
        ],
        [named("broken.json", '{ "port": }'), /^tsgi: broken\.json cannot be loaded: .*JSON.*\n$/],
        [["check", "--config", "unknown.json"], 'unknown.json: there is no setting "prot"; did you mean port?'],
        [["config", "--grcae", "1"], "Unknown option '--grcae'; did you mean --grace?"],
        [["config", "--no-port"], /^tsgi: .*port.*; see tsgi --help\n$/],
        [["--json"], "--json is an option of tsgi config and tsgi ctl; see tsgi --help"],
      ] as [string[], string | RegExp][]
    ).map(async ([args, message]) => {
      const { code, printed } = await ended(args);
      assert.equal(code, 2, printed);
      if (typeof message === "string") assert.equal(printed, `tsgi: ${message}\n`);
      else assert.match(printed, message);
    }),
  );
});
