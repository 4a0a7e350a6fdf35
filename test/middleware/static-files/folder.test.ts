import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import {
  type FolderEntry,
  MAX_DETAILED,
  MAX_ENTRIES,
  mergeEntries,
  readFolder,
} from "../../../middleware/static-files/folder.ts";
import { fileTree, openBelow, WRITTEN } from "../../support/file-tree.ts";

const always = (): boolean => true;
const inside = async (): Promise<boolean> => true;
const unlessLinux = process.platform === "linux" ? false : "only on Linux";

function names(entries: readonly FolderEntry[] | undefined): string[] | undefined {
  return entries?.map(({ name, isFolder }) => (isFolder ? `${name}/` : name));
}

function entry(name: string, isFolder = false): FolderEntry {
  return { name, isFolder, size: undefined, modified: undefined };
}

test("folder: files have their sizes and times", async () => {
  const root = await fileTree({ "a.txt": "äbc", "empty.txt": "" });
  assert.deepEqual(await readFolder(root, always, inside), [
    { name: "a.txt", isFolder: false, size: 4, modified: WRITTEN.getTime() },
    { name: "empty.txt", isFolder: false, size: 0, modified: WRITTEN.getTime() },
  ]);
});

test("folder: folders have a time and no size", async () => {
  const root = await fileTree({ "sub/a.txt": "abc" });
  const [found] = (await readFolder(root, always, inside)) ?? [];
  assert.equal(found?.isFolder, true);
  assert.equal(found?.size, undefined);
  assert.equal(typeof found?.modified, "number");
});

test("folder: folders first, then by name without regard to case, numbers by their value", {
  skip: unlessLinux,
}, async () => {
  const files = ["part 10.txt", "part 9.txt", "b", "B", "A", "Ä", "ä", "a0", ".x", "Z/", "y 2/", "y 10/", "_"];
  const root = await fileTree(Object.fromEntries(files.map((name) => [name, ""])));
  const sorted = ["y 2/", "y 10/", "Z/", "_", ".x", "A", "Ä", "ä", "a0", "B", "b", "part 9.txt", "part 10.txt"];
  assert.deepEqual(names(await readFolder(root, always, inside)), sorted);
});

test("folder: the order is the same whatever came first", () => {
  const name = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(..."aAäÄ019.-\u0301\u200b") }),
  );
  fc.assert(
    fc.property(fc.uniqueArray(name), fc.func(fc.integer()), (list, weight) => {
      const entries = list.map((each) => entry(each, each.length % 2 === 0));
      const shuffled = entries.toSorted((one, other) => weight(one.name) - weight(other.name));
      assert.deepEqual(mergeEntries([shuffled]), mergeEntries([entries]));
    }),
  );
});

test("folder: an empty one has no entries", async () => {
  assert.deepEqual(await readFolder(await fileTree({}), always, inside), []);
});

test("folder: sockets and pipes are not listed", { skip: unlessLinux }, async (t) => {
  const root = await fileTree({ "a.txt": "" });
  execFileSync("mkfifo", [join(root, "pipe")]);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(root, "socket"), resolve));
  t.after(() => server.close());
  await symlink("pipe", join(root, "link to a pipe"));
  assert.deepEqual(names(await readFolder(root, always, inside)), ["a.txt"]);
});

test("folder: links are what they lead to, where that is inside", { skip: unlessLinux }, async () => {
  const root = await fileTree({ "docs/a.txt": "abc", "docs/sub/": "" });
  const folder = join(root, "docs");
  const links = {
    file: "a.txt",
    folder: "sub",
    dangling: "nothing",
    loop: "loop",
    outside: "/etc",
    "outside-file": "/etc/passwd",
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(folder, name));
  const asked: string[] = [];
  const entries = await readFolder(folder, always, async (path) => {
    asked.push(path);
    return !path.includes("outside");
  });
  assert.deepEqual(names(entries), ["folder/", "sub/", "a.txt", "file"]);
  assert.deepEqual(entries?.at(-1), { name: "file", isFolder: false, size: 3, modified: WRITTEN.getTime() });
  assert.deepEqual(
    asked.sort(),
    Object.keys(links)
      .map((name) => join(folder, name))
      .sort(),
  );
});

test("folder: more links than are looked at at once are all there", { skip: unlessLinux }, async () => {
  const root = await fileTree({ "a.txt": "" });
  for (let index = 0; index < 100; index++) await symlink("a.txt", join(root, `link ${index}`));
  assert.equal((await readFolder(root, always, inside))?.length, 101);
});

test("folder: what is not served is not listed, and links are asked for as what they lead to", {
  skip: unlessLinux,
}, async () => {
  const root = await fileTree({ "a.txt": "", ".env": "", "sub/": "" });
  await symlink("sub", join(root, "link"));
  const asked: string[] = [];
  const isServed = (name: string, isFolder: boolean): boolean => {
    asked.push(isFolder ? `${name}/` : name);
    return !name.startsWith(".");
  };
  assert.deepEqual(names(await readFolder(root, isServed, inside)), ["link/", "sub/", "a.txt"]);
  assert.deepEqual(asked.sort(), [".env", "a.txt", "link/", "sub/"]);
});

test("folder: names that are no UTF-8 are not listed", { skip: unlessLinux }, async () => {
  const root = await fileTree({ "ä.txt": "" });
  await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x61, 0xff])]), "");
  await mkdir(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xed, 0xa0, 0x80])]));
  assert.deepEqual(names(await readFolder(root, always, inside)), ["ä.txt"]);
});

test("folder: undefined where there is none", async () => {
  const root = await fileTree({ "a.txt": "" });
  assert.equal(await readFolder(join(root, "gone"), always, inside), undefined);
  assert.equal(await readFolder(join(root, "a.txt"), always, inside), undefined);
});

test("folder: rejects where it cannot be read", { skip: unlessLinux }, async () => {
  const root = await fileTree({});
  await symlink("loop", join(root, "loop"));
  await assert.rejects(readFolder(join(root, "loop"), always, inside), { code: "ELOOP" });
});

test("folder: what vanishes while it is read is left out", async () => {
  const root = await fileTree({ "a.txt": "", "b.txt": "" });
  const isServed = (name: string): boolean => {
    if (name === "b.txt") rmSync(join(root, name));
    return true;
  };
  assert.deepEqual(names(await readFolder(root, isServed, inside)), ["a.txt"]);
});

test("folder: what becomes a link while it is read tells nothing of where that leads", {
  skip: unlessLinux,
}, async () => {
  const root = await fileTree({ "docs/a.txt": "", "docs/b.txt": "", "secret.txt": "secret" });
  const folder = join(root, "docs");
  const isServed = (name: string): boolean => {
    if (name === "b.txt") {
      renameSync(join(folder, name), join(root, "moved.txt"));
      symlinkSync("../secret.txt", join(folder, name));
    }
    return true;
  };
  assert.deepEqual(names(await readFolder(folder, isServed, inside)), ["a.txt"]);
});

test("folder: a judge that throws is heard, and nothing stays open", { skip: unlessLinux }, async () => {
  const root = await fileTree({ "docs/a.txt": "" });
  const isServed = (): boolean => {
    throw Object.assign(new Error("mine"), { code: "ENOENT" });
  };
  await assert.rejects(readFolder(join(root, "docs"), isServed, inside), { message: "mine" });
  assert.equal(openBelow(root), 0);
});

test("folder: of many entries no sizes and times, of too many one more than are listed", {
  skip: unlessLinux,
}, async () => {
  const root = await fileTree({ "docs/": "" });
  const folder = join(root, "docs");
  const fill = (from: number, to: number): void => {
    for (let index = from; index < to; index++) writeFileSync(join(folder, String(index)), "");
  };
  fill(0, MAX_DETAILED);
  const detailed = await readFolder(folder, always, inside);
  assert.deepEqual([detailed?.length, detailed?.every(({ size }) => size === 0)], [MAX_DETAILED, true]);
  fill(MAX_DETAILED, MAX_DETAILED + 1);
  const bare = await readFolder(folder, always, inside);
  assert.deepEqual(
    bare,
    Array.from({ length: MAX_DETAILED + 1 }, (_, index) => entry(String(index))),
  );
  fill(MAX_DETAILED + 1, MAX_ENTRIES + 50);
  assert.equal((await readFolder(folder, always, inside))?.length, MAX_ENTRIES + 1);
  assert.equal(openBelow(root), 0);
});

test("folder: of several, each name is there once, as the first has it; a file is not a folder", () => {
  const first = [entry("a", true), { ...entry("b"), size: 1 }];
  const second = [entry("a", true), entry("a"), { ...entry("b"), size: 2 }, entry("aa")];
  assert.deepEqual(mergeEntries([first, second]), [
    entry("a", true),
    entry("a"),
    entry("aa"),
    { ...entry("b"), size: 1 },
  ]);
});
