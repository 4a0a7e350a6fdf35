import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
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
  if (/^src\/cli(?:\.ts|\/)/.test(file) || file === "src/testing.ts") return 3;
  if (/^src\/(?:server|adapters)\/|^middleware\//.test(file) || file === "src/index.ts" || file === "src/fetch.ts")
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

test("house: only servers, adapters, the command and what serves files touch node: modules", () => {
  const allowed = /^src\/(?:server|adapters|cli)(?:\/|\.ts$)|^middleware\/static-files(?:\.ts|\/)/;
  for (const [file, targets] of imports) {
    if (targets.some((target) => target.startsWith("node:"))) assert.match(file, allowed);
  }
});

test("house: nothing that tsgi/fetch needs touches node: modules", () => {
  const needed = new Set<string>(["src/fetch.ts"]);
  for (const file of needed) for (const target of imports.get(file) ?? []) needed.add(target);
  assert.ok(needed.has("src/adapters/to-fetch.ts"));
  assert.deepEqual(
    [...needed].filter((name) => name.startsWith("node:")),
    [],
  );
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

test("house: each middleware exports a function of its name, and the entry point exports them all", async () => {
  const index = (await import("../middleware/index.ts")) as Record<string, unknown>;
  for (const file of files.filter((name) => /^middleware\/[^/]+\.ts$/.test(name) && name !== "middleware/index.ts")) {
    const name = basename(file, ".ts").replace(/-(\w)/g, (_match, char: string) => char.toUpperCase());
    const module = (await import(join(root, file))) as Record<string, unknown>;
    assert.equal(typeof module[name], "function", `${file} exports ${name}`);
    assert.equal(index[name], module[name], `middleware/index.ts exports ${name}`);
  }
});

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
