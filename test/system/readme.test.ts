import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { SettingName } from "../../src/cli/configuration/setting.ts";
import { flagOf, SETTING_NAMES, settingOf } from "../../src/cli/configuration/settings.ts";
import { cli, curl, root, startSite, steps } from "../support/session.ts";

const run = promisify(execFile);
const readme = await readFile(join(root, "README.md"), "utf8");

/** The fenced blocks of the README in their order. */
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => ({
  language: language as string,
  code: code as string,
}));

/** Samples run inside the package, where `tsgi` is the package itself. */
let folder = "";

before(async () => {
  await mkdir(join(root, "dist"), { recursive: true });
  folder = await mkdtemp(join(root, "dist/readme-"));
  await mkdir(join(folder, "public"));
  await writeFile(join(folder, "public/robots.txt"), "User-agent: *\n");
});

after(() => rm(folder, { recursive: true, force: true }));

test("readme: each sample that has a name is in a block of its own", () => {
  const named = [...readme.matchAll(/^\/\/ (\S+\.ts)$/gm)].map(([, name]) => name);
  const inBlocks = blocks.flatMap(({ language, code }) =>
    language === "ts" ? [...code.matchAll(/^\/\/ (\S+\.ts)$/gm)].map(([, name]) => name) : [],
  );
  assert.deepEqual(inBlocks, named);
});

for (const [index, block] of blocks.entries()) {
  if (block.language !== "ts") continue;
  const name = /^\/\/ (\S+\.ts)$/m.exec(block.code)?.[1];
  // The config file has no name in its first line.
  if (name === undefined) continue;
  const next = blocks[index + 1];
  const session = next?.language === "console" ? steps(next.code) : [];

  test(`readme: ${name} does what it says`, async () => {
    const file = join(folder, name);
    await writeFile(file, block.code);
    if (!/^export const app\b/m.test(block.code)) {
      await run(process.execPath, ["--import", "tsx", file], { cwd: root });
      return;
    }
    const site = await startSite(name, folder);
    try {
      for (const { command, output } of session) {
        const isStart: boolean = command === `npx tsgi ${name}`;
        assert.equal(
          isStart ? site.banner.replace(site.url, "http://127.0.0.1:8000") : await curl(site, command),
          output,
        );
      }
    } finally {
      site.stop();
    }
  });
}

test("readme: the usage is what the command prints", async () => {
  const { stdout } = await run(process.execPath, [cli, "--help"]);
  const shown = /<!-- usage -->\n```console\n\$ npx tsgi --help\n([\s\S]*?)```/.exec(readme)?.[1];
  assert.equal(shown, stdout);
});

test("readme: the config file is one, and the table of settings has them all", async () => {
  const file = /<!-- config -->\n```ts\n([\s\S]*?)```/.exec(readme)?.[1] as string;
  await writeFile(join(folder, "tsgi.config.ts"), file);
  const { stdout } = await run(process.execPath, [cli, "config"], { cwd: folder });
  assert.match(stdout, /^keepAliveTimeout +75s +tsgi\.config\.ts$/m);
  await rm(join(folder, "tsgi.config.ts"));
  const rows = /\| about \| settings \|\n.*\n((?:\|.*\n)+)/.exec(readme)?.[1] as string;
  const listed = rows
    .trim()
    .split("\n")
    .map((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  const sections = [...new Set(SETTING_NAMES.map((name) => settingOf(name).section))];
  const names = (section: string) => SETTING_NAMES.filter((name) => settingOf(name).section === section);
  const shown = (name: SettingName) => (settingOf(name).flag === undefined ? name : `--${flagOf(name)}`);
  assert.deepEqual(
    listed,
    sections.map((section) => names(section).map(shown)),
  );
});

test("readme: the table of middlewares is the folder", async () => {
  const listed = [...readme.matchAll(/^\| `(\w+)\(/gm)].map(([, name]) => name as string);
  const files = (await readdir(join(root, "middleware"))).filter((file) => file.endsWith(".ts") && file !== "index.ts");
  const names = files.map((file) => basename(file, ".ts").replace(/-(\w)/g, (_, char: string) => char.toUpperCase()));
  assert.deepEqual(listed.sort(), names.sort());
});
