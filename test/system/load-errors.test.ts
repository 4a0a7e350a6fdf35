/** Modules that do not load: one line that names the file, the line and what to do, on every Node that is installed. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { install } from "../support/installation.ts";
import { nodeVersions } from "../support/node-versions.ts";
import { root } from "../support/session.ts";

/** Below the repository, where tsx is in reach. */
mkdirSync(join(root, "dist"), { recursive: true });
const near = mkdtempSync(join(root, "dist/load-"));
/** Outside of it. */
const far = mkdtempSync(join(tmpdir(), "tsgi-load-"));
after(() => {
  for (const folder of [near, far]) rmSync(folder, { recursive: true, force: true });
});
/** The installed package: two folders above its command's. */
const installed = join(install(far), "../../..");

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, source] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), source);
  }
}

const SOURCES = {
  "syntax.mjs": "export const a = 1;\nexport const app = f(;\n",
  "imports-syntax.mjs": 'import "./syntax.mjs";\nexport const app = 1;\n',
  "syntax.cjs": "module.exports = {\n  app: f(;\n};\n",
  "throws.mjs": 'function fail() {\n  throw new Error("no database");\n}\nfail();\n',
  "imports-throws.mjs": 'import "./throws.mjs";\nexport const app = 1;\n',
  "cause.mjs": 'throw new Error("cannot start", { cause: new TypeError("no such host") });\n',
  "aggregate.mjs": 'throw new AggregateError([new Error("one"), new Error("two")], "both failed");\n',
  "missing-export.mjs": 'import { nothing } from "./library.mjs";\nexport const app = nothing;\n',
  "library.mjs": "export const something = 1;\n",
  "missing-file.mjs": 'import "./nowhere.mjs";\n',
  "common/package.json": '{ "type": "commonjs" }\n',
  "common/site.js": 'import "node:fs";\nexport const app = 1;\n',
  "common/site.ts": 'import "node:fs";\nexport const app: number = 1;\n',
  "syntax.ts": "export const a: number = 1;\nexport const app = f(;\n",
  "imports-syntax.ts": 'import "./syntax.ts";\nexport const app: number = 1;\n',
  "module.mts": "export const a: number = 1;\nexport const app = f(;\n",
  "throws.ts": 'type A = 1;\nexport const app: A = 1;\nthrow new Error("no database");\n',
};

const EVERYWHERE: readonly (readonly [target: string, message: RegExp])[] = [
  ["syntax.mjs", /^SyntaxError: Unexpected token ';' \(syntax\.mjs:2\)$/],
  ["imports-syntax.mjs", /^SyntaxError: Unexpected token ';' \(syntax\.mjs:2\)$/],
  ["syntax.cjs", /^SyntaxError: Unexpected token ';' \(syntax\.cjs:2\)$/],
  ["throws.mjs", /^Error: no database \(throws\.mjs:2:9\)$/],
  ["imports-throws.mjs", /^Error: no database \(throws\.mjs:2:9\)$/],
  ["cause.mjs", /^Error: cannot start \(cause\.mjs:1:7\); caused by TypeError: no such host \(cause\.mjs:1:42\)$/],
  [
    "aggregate.mjs",
    /^AggregateError: both failed \(aggregate\.mjs:1:7\); caused by Error: one \(.*:1:27\); caused by Error: two \(.*:1:45\)$/,
  ],
  [
    "missing-export.mjs",
    /^SyntaxError: The requested module '.*' does not provide .* 'nothing' \(missing-export\.mjs:1\)$/,
  ],
  ["missing-file.mjs", /^Error: Cannot find module '.*nowhere\.mjs' imported from .*missing-file\.mjs/],
];

/** With tsx, or with Node's own TypeScript. */
const TYPESCRIPT: readonly (readonly [target: string, message: RegExp])[] = [
  ["syntax.ts", /^SyntaxError: (?:Unexpected ";"|Expression expected) \(syntax\.ts:2(?::22)?\)$/],
  ["imports-syntax.ts", /^SyntaxError: (?:Unexpected ";"|Expression expected) \(syntax\.ts:2(?::22)?\)$/],
  ["module.mts", /^SyntaxError: (?:Unexpected ";"|Expression expected) \(module\.mts:2(?::22)?\)$/],
  ["throws.ts", /^Error: no database \(throws\.ts:3:7\)$/],
];

/** Without tsx, which reads ES modules in any package. */
const COMMON: readonly (readonly [target: string, message: RegExp])[] = [
  [
    "common/site.js",
    /^SyntaxError: Cannot use import statement outside a module \(common\/site\.js:1\); its package\.json says "type": "commonjs": change that to "module", or rename the file to site\.mjs$/,
  ],
  [
    "common/site.ts",
    /^SyntaxError: Cannot use import statement outside a module \(common\/site\.ts:1\); its package\.json says "type": "commonjs": change that to "module", or rename the file to site\.mts$/,
  ],
];

write(near, SOURCES);
write(far, SOURCES);

/** Loads each module as the command does, and prints why that fails. */
function script(loadApp: string, targets: readonly string[]): string {
  return `
import { loadApp } from ${JSON.stringify(loadApp)};
for (const target of ${JSON.stringify(targets)}) {
  const message = await loadApp(target, { interface: undefined, isFactory: false }).then(() => "loaded", (error) => error.message);
  process.stdout.write(message + "\\n");
}
process.exit();`;
}

for (const { name, node, stripsTypes } of nodeVersions) {
  for (const [how, folder, home, cases] of [
    ["with tsx", near, root, [...EVERYWHERE, ...TYPESCRIPT]],
    [
      "without tsx",
      far,
      installed,
      [...EVERYWHERE, ...(stripsTypes ? [...TYPESCRIPT, ...COMMON] : COMMON.slice(0, 1))],
    ],
  ] as const) {
    test(`load errors: ${name} ${how} names file and line`, () => {
      const targets = cases.map(([target]) => target);
      const source = script(join(home, "dist/src/cli/load-app.js"), targets);
      const options = { cwd: folder, encoding: "utf8", timeout: 120_000 } as const;
      const { stdout, stderr } = spawnSync(node, ["--input-type=module", "--eval", source], options);
      const lines = stdout.trim().split("\n");
      for (const [index, [target, message]] of cases.entries()) {
        assert.match((lines[index] ?? "").replace(`${target} cannot be loaded: `, ""), message, stderr);
      }
    });
  }
}
