import assert from "node:assert/strict";
import { test } from "node:test";
import { PathTree } from "../../src/routing/path-tree.ts";
import { compilePattern } from "../../src/routing/pattern.ts";

function treeOf(...keys: string[]): PathTree<string> {
  const tree = new PathTree<string>();
  for (const key of keys) tree.add(compilePattern(key, "prefix", "TSGI_BAD_MOUNT"), key);
  return tree;
}

/** The literal, its length and the patterns that lie along a path. */
function found(tree: PathTree<string>, path: string): unknown[] {
  const { literal, length, patterns } = tree.find(path);
  return [literal, length, ...patterns.map(({ value }) => value)];
}

test("PathTree: finds the longest literal on a segment boundary", () => {
  const tree = treeOf("/a/b/c", "/a", "/ab");
  for (const [path, literal, length] of [
    ["", undefined, 0],
    ["/", undefined, 0],
    ["/a", "/a", 2],
    ["/a/", "/a", 2],
    ["/a//b/c", "/a", 2],
    ["/a/b", "/a", 2],
    ["/a/b/cd", "/a", 2],
    ["/a/b/c", "/a/b/c", 6],
    ["/a/b/c/d/e", "/a/b/c", 6],
    ["/abc", undefined, 0],
    ["/ab/a", "/ab", 3],
    ["*", undefined, 0],
  ] as const) {
    assert.deepEqual(found(tree, path), [literal, length], path);
  }
});

test("PathTree: the root takes every path", () => {
  const tree = treeOf("/", "/a");
  for (const path of ["", "/", "/x", "//"]) assert.deepEqual(found(tree, path), ["/", 0], path);
  assert.deepEqual(found(tree, "/a/x"), ["/a", 2]);
});

test("PathTree: finds the patterns whose heads lie along the path, in the order in which they were added", () => {
  const tree = treeOf("/a/b/:deep", "/:root", "/a", "/a/:middle", "/x/:other", "/*all");
  assert.deepEqual(found(tree, "/a/b/c"), ["/a", 2, "/a/b/:deep", "/:root", "/a/:middle", "/*all"]);
  assert.deepEqual(found(tree, "/a"), ["/a", 2, "/:root", "/a/:middle", "/*all"]);
  assert.deepEqual(found(tree, "/y"), [undefined, 0, "/:root", "/*all"]);
  assert.deepEqual(found(treeOf("/a/:b"), "/a/b"), [undefined, 0, "/a/:b"]);
});

test("PathTree: what is found cannot be mistaken for the tree's own", () => {
  const tree = treeOf("/:a", "/x/:b");
  const first = found(tree, "/x/y");
  assert.deepEqual(found(tree, "/x/y"), first);
  assert.deepEqual(found(tree, "/y"), [undefined, 0, "/:a"]);
});

test("PathTree: a literal is added once", () => {
  const tree = new PathTree<string>();
  const pattern = compilePattern("/a", "prefix", "TSGI_BAD_MOUNT");
  assert.equal(tree.add(pattern, "first"), true);
  assert.equal(tree.add(pattern, "second"), false);
  assert.deepEqual(found(tree, "/a"), ["first", 2]);
});

test("PathTree: names of object members are names like any other", () => {
  const tree = treeOf("/constructor", "/a");
  assert.deepEqual(found(tree, "/constructor/x"), ["/constructor", 12]);
  for (const path of ["/__proto__", "/toString", "/a/hasOwnProperty"]) {
    assert.deepEqual(found(tree, path), path.startsWith("/a/") ? ["/a", 2] : [undefined, 0]);
  }
});
