import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const files = ["src", "middleware"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name)),
);

/** What each file imports, types included: files of the house by their path, all else by its name. */
const imports = new Map(files.map((file) => [file, importsOf(file)]));

function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), "utf8");
  return [
    ...source.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)";/gm),
    ...source.matchAll(/\bimport\("([^"]+)"\)/g),
  ].map(([, target]) =>
    target?.startsWith(".") ? relative(root, join(root, file, "..", target)) : (target as string),
  );
}

function layerOf(file: string): number {
  if (file === "src/gateway.ts") return 0;
  if (/^src\/(?:cli|testing)(?:\.ts|\/)/.test(file)) return 3;
  if (
    /^src\/(?:server|supervisor|adapters)\/|^middleware\//.test(file) ||
    file === "src/index.ts" ||
    file === "src/fetch.ts"
  )
    return 2;
  return 1;
}

test("house: imports point one way", () => {
  for (const [file, targets] of imports) {
    for (const target of targets.filter((name) => name.endsWith(".ts"))) {
      assert.ok(imports.has(target), `${file} imports ${target}, which is not there`);
      assert.ok(layerOf(target) <= layerOf(file), `${file} imports ${target}`);
    }
  }
});

test("house: the contract imports nothing", () => assert.deepEqual(imports.get("src/gateway.ts"), []));

test("house: middleware imports neither servers nor adapters", () => {
  for (const [file, targets] of imports) {
    if (!file.startsWith("middleware/")) continue;
    for (const target of targets) assert.doesNotMatch(target, /^src\/(?:server|adapters|cli)/, file);
  }
});

/** What stands on Node: servers, the command, and what serves files, codes, opens sockets or helps tests. */
const ON_NODE = [
  /^src\/(?:server|supervisor|adapters|cli)(?:\/|\.ts$)/,
  /^src\/networks\.ts$/,
  /^src\/testing\//,
  /^middleware\/(?:static-files|cache|compress|decompress|proxy|balancer|access-log|metrics|shed|basic-auth|session|async-context)(?:\.ts|\/)/,
];

test("house: nothing else touches node: modules", () => {
  for (const [file, targets] of imports) {
    if (targets.some((target) => target.startsWith("node:")))
      assert.ok(
        ON_NODE.some((rule) => rule.test(file)),
        file,
      );
  }
});

for (const door of ["fetch", "http", "body", "server"]) {
  test(`house: nothing that tsgi/${door} needs touches node: modules`, () => {
    const needed = new Set<string>([`src/${door}.ts`]);
    for (const file of needed) for (const target of imports.get(file) ?? []) needed.add(target);
    assert.ok(needed.has("src/gateway.ts"));
    assert.deepEqual(
      [...needed].filter((name) => name.startsWith("node:")),
      [],
    );
  });
}

/** The entry points, whose exports are public. */
const doors = ["src/index.ts", "src/http.ts", "src/body.ts", "src/server.ts", "src/testing.ts", "middleware/index.ts"];

const DECLARATION = /^export (?:async function|function|class|const|interface|type) (\w+)/gm;

/** Which file declares each name that a file exports. */
function exportsOf(file: string): Map<string, string> {
  const source = readFileSync(join(root, file), "utf8");
  const found = new Map([...source.matchAll(DECLARATION)].map(([, name]) => [name as string, file]));
  for (const [, list = "", target = ""] of source.matchAll(/^export (?:type )?(\{[^}]*\}|\*) from "([^"]+)";/gm)) {
    const inner = exportsOf(relative(root, join(root, file, "..", target)));
    const named = [...list.matchAll(/(\w+)(?: as \w+)?\s*[,}]/g)].map(([, name]) => name as string);
    for (const name of list === "*" ? inner.keys() : named) found.set(name, inner.get(name) ?? target);
  }
  return found;
}

test("house: each public name has a doc comment", () => {
  const names = new Map(doors.flatMap((door) => [...exportsOf(door)]));
  assert.ok(names.size > 80);
  const bare = [...names].filter(([name, file]) => {
    const source = readFileSync(join(root, file), "utf8");
    return !new RegExp(String.raw`\*/\n(?://.*\n)*export (?:async )?\w+ ${name}\b`).test(source);
  });
  assert.deepEqual(bare, []);
});

test("house: no circles, types included", () => {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    assert.ok(!path.includes(file), [...path, file].join(" → "));
    if (done.has(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

/** The room of a file: its folder, with the file of the same name that it belongs to. Doors, and what stands alone, are their own. */
function roomOf(file: string): string {
  const path = file.slice(0, -".ts".length);
  if (/^src\/cli(?:\/|$)/.test(path)) return "src/cli";
  if (files.some((other) => other.startsWith(`${path}/`)) && !doors.includes(file)) return path;
  const folder = dirname(file);
  return folder === "src" || folder === "middleware" ? path : folder;
}

test("house: no circles of rooms", () => {
  const exits = new Map<string, Set<string>>();
  for (const [file, targets] of imports) {
    const room = roomOf(file);
    const found = exits.get(room) ?? new Set();
    for (const target of targets) if (imports.has(target) && roomOf(target) !== room) found.add(roomOf(target));
    exits.set(room, found);
  }
  const done = new Set<string>();
  const visit = (room: string, path: string[]): void => {
    assert.ok(!path.includes(room), [...path, room].join(" → "));
    if (done.has(room)) return;
    for (const target of exits.get(room) ?? []) visit(target, [...path, room]);
    done.add(room);
  };
  for (const room of exits.keys()) visit(room, []);
  assert.ok(exits.size > 80);
});

/** A file of the house, as it was built. */
async function load(file: string): Promise<Record<string, unknown>> {
  return import(join(root, "dist", file.replace(/\.ts$/, ".js")));
}

test("house: each middleware exports a function of its name, and the entry point exports them all", async () => {
  const index = await load("middleware/index.ts");
  for (const file of files.filter((name) => /^middleware\/[^/]+\.ts$/.test(name) && name !== "middleware/index.ts")) {
    const name = basename(file, ".ts").replace(/-(\w)/g, (_match, char: string) => char.toUpperCase());
    const module = await load(file);
    assert.equal(typeof module[name], "function", `${file} exports ${name}`);
    assert.equal(index[name], module[name], `middleware/index.ts exports ${name}`);
  }
});

/** What a test imports of the middlewares, and what its helpers do. */
function exercised(file: string, found = new Set<string>()): Set<string> {
  for (const target of importsOf(file)) {
    if (found.has(target)) continue;
    if (/^middleware\/[^/]+\.ts$/.test(target)) found.add(target);
    else if (target.startsWith("test/support/")) exercised(target, found.add(target));
  }
  return found;
}

for (const file of ["test/exchange/borders.test.ts", "test/system/random-stacks.test.ts"]) {
  test(`house: each middleware is in ${file}`, () => {
    const tried = exercised(file);
    const missing = files.filter((name) => /^middleware\/[^/]+\.ts$/.test(name) && !tried.has(name));
    assert.deepEqual(missing, ["middleware/index.ts"]);
  });
}

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, string | { default: string } | null>;
  dependencies: Record<string, string>;
};

test("house: every entry point loads alone in a fresh process", () => {
  const names = files.filter((file) => /^middleware\/[^/]+\.ts$/.test(file)).map((file) => basename(file, ".ts"));
  const open = Object.entries(manifest.exports).flatMap(([entry, target]) => (target === null ? [] : [entry]));
  const entries = open.flatMap((entry) =>
    entry.includes("*") ? names.filter((name) => name !== "index").map((name) => entry.replace("*", name)) : [entry],
  );
  assert.ok(entries.length > 8);
  for (const entry of entries.filter((name) => !name.endsWith(".json"))) {
    const script = `await import(${JSON.stringify(`tsgi${entry.slice(1)}`)})`;
    execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: root });
  }
});

test("house: every package that is imported is a dependency, and every dependency is imported", () => {
  const used = new Set(
    [...imports.values()].flat().filter((name) => !name.endsWith(".ts") && !name.startsWith("node:")),
  );
  assert.deepEqual([...used].sort(), Object.keys(manifest.dependencies).sort());
});

test("house: every package that is installed runs on the oldest Node that is supported", () => {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { engines?: { node?: string } }>;
  };
  const supports20 = (range: string): boolean =>
    range.split("||").some((part) => {
      const [, operator, major = "0", minor = "0"] = /(>=?|\^|~)?\s*v?(\d+)(?:\.(\d+))?/.exec(part) ?? [];
      const isOlder = Number(major) < 20 || (Number(major) === 20 && Number(minor) <= 19);
      return part.includes("*") || (operator?.startsWith(">") ? isOlder : Number(major) === 20 && isOlder);
    });
  const refused = Object.entries(lock.packages).filter(([, { engines }]) => !supports20(engines?.node ?? "*"));
  assert.deepEqual(
    refused.map(([path, { engines }]) => `${path}: ${engines?.node}`),
    [],
  );
});

/** Files without a test at the mirrored place, and where they are tested instead. */
const TESTED_ELSEWHERE: Readonly<Record<string, string>> = {
  "src/cli/": "test/system runs the command as a process",
  "src/supervisor/": "test/system/supervisor.test.ts sends signals to processes",
  "src/server/": "test/server is by behaviour, over sockets",
  "src/body/gathering.ts": "test/body/input.test.ts: bodies that come byte by byte",
  "src/adapters/body-read.ts": "test/adapters/to-node.test.ts: an error of the inputs",
  "src/exchange/captured-body.ts": "test/exchange/capture.test.ts: what capture gives",
  "src/exchange/failures.ts": "test/exchange/responder.test.ts: what breaks its rules",
  "src/exchange/departure.ts": "test/exchange/responder.test.ts: a part of the Responder",
  "src/exchange/error-page.ts": "test/exchange/responder.test.ts: error pages that fail",
  "src/exchange/takeover.ts": "test/exchange/on-upgrade.test.ts: what takes a connection over",
};

/** Whether a file has a test at its mirrored place, or belongs to one that has. */
function isTested(file: string): boolean {
  const mirrored = join("test", file.replace(/^src\//, "").replace(/\.ts$/, ".test.ts"));
  if (existsSync(join(root, mirrored))) return true;
  // The private files of a middleware or an adapter lie in a folder of its name.
  const owner = `${dirname(file)}.ts`;
  return files.includes(owner) && isTested(owner);
}

test("house: each file with functions has a test at its mirrored place, or says where else", () => {
  const entries = [...doors, "src/fetch.ts", "src/cli.ts"];
  const untested = files.filter((file) => {
    const hasCode = /^export (?:async )?(?:function|class|const) /m.test(readFileSync(join(root, file), "utf8"));
    return hasCode && !entries.includes(file) && !isTested(file);
  });
  const excused = Object.keys(TESTED_ELSEWHERE);
  assert.deepEqual(
    untested.filter((file) => !excused.some((name) => file.startsWith(name))),
    [],
  );
  assert.deepEqual(
    excused.filter((name) => !untested.some((file) => file.startsWith(name))),
    [],
    "these need no exception",
  );
});
