/** Samples in doc comments: each compiles, and each runs. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root } from "../support/session.ts";

interface Sample {
  /** The file of the comment, with a number where it has several. */
  readonly name: string;
  /** The file that it is run as. */
  readonly file: string;
  readonly code: string;
}

const samples = ["src", "middleware"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .flatMap((name) => samplesOf(join(folder, name))),
);

function samplesOf(path: string): Sample[] {
  const source = readFileSync(join(root, path), "utf8");
  return [...source.matchAll(/^ *\* ```ts\n((?: *\*.*\n)*?) *\* ```$/gm)].map(([, code = ""], index) => {
    const name = index === 0 ? path : `${path} ${index + 1}`;
    return { name, file: `${name.replace(/\W+/g, "-")}.ts`, code: code.replace(/^ *\* ?/gm, "") };
  });
}

/** What a sample may use without importing it. */
const imports: [name: string, statement: string][] = [
  ["express", 'import express from "express";'],
  ["Koa", 'import Koa from "koa";'],
  ["Hono", 'import { Hono } from "hono";'],
];

/** Names are imported from the first module that has them. */
async function findImports(): Promise<void> {
  const contract = readFileSync(join(root, "src/gateway.ts"), "utf8");
  for (const [, name] of contract.matchAll(/^export (?:type|interface) (\w+)/gm)) {
    imports.push([name as string, `import type { ${name} } from "tsgi";`]);
  }
  const places = {
    tsgi: await import("../../src/index.ts"),
    "tsgi/middleware": await import("../../middleware/index.ts"),
    "tsgi/http": await import("../../src/http.ts"),
    "tsgi/body": await import("../../src/body.ts"),
    "tsgi/server": await import("../../src/server.ts"),
    "tsgi/testing": await import("../../src/testing.ts"),
    "./placeholders.ts": await import("./doc-samples/placeholders.ts"),
  };
  for (const [specifier, module] of Object.entries(places)) {
    for (const name of Object.keys(module)) imports.push([name, `import { ${name} } from "${specifier}";`]);
  }
}

/** A sample as a module. One that returns stands for the inside of an app. */
function moduleOf(code: string): string {
  const used = new Set(code.replace(/"[^"]*"|\/\/.*/g, "").match(/(?<![.\w])[A-Za-z]\w*/g));
  const declared = /\b(?:const|let|function\*?|class) (?:\{([^}]*)\}|(\w+))/g;
  for (const [, list, name] of code.matchAll(declared))
    for (const each of list?.split(/, */) ?? [name]) used.delete(each?.trim() ?? "");
  const seen = new Set<string>();
  const needed = imports.filter(([name]) => used.has(name) && !seen.has(name) && seen.add(name));
  const lines = needed.map(([, statement]) => `${statement}\n`).join("");
  if (!/^return /m.test(code)) return `${lines}\n${code}\nexport {};\n`;
  return `${lines}import type { App as Inner } from "tsgi";\nexport const inside: Inner = async (environ, startResponse) => {\n${code}};\n`;
}

/** Imports each module in turn, and asks the app that it exports, if any. */
const RUNNER = `
import { request } from "tsgi/testing";
const failures: Record<string, string> = {};
for (const name of process.argv.slice(2)) {
  try {
    const { app, inside } = await import("./" + name);
    for (const each of [app, inside]) if (each !== undefined) await (await request(each, "/")).text();
    failures[name] = "";
  } catch (error) {
    failures[name] = String((error as Error).stack);
  }
}
console.log(JSON.stringify(failures));
process.exit();
`;

let folder = "";
let problems = "";
let failures: Record<string, string> = {};

before(async () => {
  await findImports();
  mkdirSync(join(root, "dist"), { recursive: true });
  // Inside the package, where \`tsgi\` is the package itself.
  folder = mkdtempSync(join(root, "dist/samples-"));
  for (const name of ["public", "theme", "default-theme", "node_modules/some-package/dist"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  writeFileSync(join(folder, "public/favicon.ico"), "icon");
  writeFileSync(join(folder, "site.ts"), 'import { text } from "tsgi";\n\nexport const app = text("hello");\n');
  writeFileSync(join(folder, "node_modules/some-package/package.json"), '{ "name": "some-package" }');
  writeFileSync(join(folder, "site.ts"), 'import { text } from "tsgi";\nexport const app = text("hello");\n');
  cpSync(join(root, "test/system/doc-samples/placeholders.ts"), join(folder, "placeholders.ts"));
  // On a port that is free, whatever the sample says.
  for (const { file, code } of samples) writeFileSync(join(folder, file), moduleOf(code.replaceAll("8000", "0")));
  writeFileSync(join(folder, "run.ts"), RUNNER);
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: join(root, "test/tsconfig.json"),
      compilerOptions: {
        rootDir: ".",
        noUnusedLocals: false,
        noUnusedParameters: false,
        allowImportingTsExtensions: true,
      },
      include: ["*.ts"],
      exclude: [],
    }),
  );
  problems = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], {
    encoding: "utf8",
    cwd: folder,
  }).stdout;
  const args = ["--import", "tsx", "run.ts", ...samples.map(({ file }) => file)];
  failures = JSON.parse(
    execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" }).trim().split("\n").at(-1) as string,
  );
});

after(() => rmSync(folder, { recursive: true, force: true }));

for (const { name, file } of samples) {
  test(`doc samples: ${name} compiles`, () => {
    assert.deepEqual(
      problems.split("\n").filter((line) => line.startsWith(`${file}(`)),
      [],
    );
  });

  test(`doc samples: ${name} runs`, () => assert.equal(failures[file], ""));
}

test("doc samples: nothing else is wrong with them", () => {
  assert.ok(samples.length >= 16);
  const files = samples.map(({ file }) => `${file}(`);
  const others = problems
    .split("\n")
    .filter((line) => /^\S/.test(line) && !files.some((file) => line.startsWith(file)));
  assert.deepEqual(others, []);
});
