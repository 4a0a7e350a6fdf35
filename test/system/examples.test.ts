import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { curl, root, startSite, steps } from "../support/session.ts";

const examples = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"));

for (const name of examples) {
  const comment = /^(?:\/\/.*\n)+/.exec(readFileSync(join(root, "examples", name), "utf8"))?.[0] ?? "";
  const [start, ...session] = steps(comment.replace(/^\/\/ ?/gm, ""));

  test(`examples: ${name} answers as its first comment says`, async () => {
    assert.equal(start?.command, `npx tsgi examples/${name}`);
    assert.ok(session.length > 0, "no request in the comment");
    const site = await startSite(`examples/${name}`, root);
    try {
      for (const { command, output } of session) assert.equal(await curl(site, command), output, command);
    } finally {
      site.stop();
    }
  });
}

test("examples: each is short", () => {
  for (const name of examples) {
    const lines = readFileSync(join(root, "examples", name), "utf8").split("\n").length;
    assert.ok(lines <= 42, `${name} has ${lines} lines`);
  }
});
