import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { curl, root, startModule, startSite, steps } from "../support/session.ts";

const entries = readdirSync(join(root, "examples"), { withFileTypes: true });
const examples = entries.map(({ name }) => name).filter((name) => name.endsWith(".ts"));

/** The first comment of a file, as a session. */
function sessionOf(file: string) {
  const comment = /^(?:\/\/.*\n)+/.exec(readFileSync(join(root, "examples", file), "utf8"))?.[0] ?? "";
  return steps(comment.replace(/^\/\/ ?/gm, ""));
}

for (const name of examples) {
  const [start, ...session] = sessionOf(name);

  test(`examples: ${name} answers as its first comment says`, async () => {
    const isModule = start?.command === `npx tsx examples/${name}`;
    if (!isModule) assert.equal(start?.command, `npx tsgi examples/${name}`);
    assert.ok(session.length > 0, "no request in the comment");
    const site = await (isModule ? startModule : startSite)(`examples/${name}`, root);
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
    assert.ok(lines <= 52, `${name} has ${lines} lines`);
  }
});

test("examples: the table lists each file and folder with the command that its first comment has", () => {
  const table = readFileSync(join(root, "examples/README.md"), "utf8");
  const rows = [...table.matchAll(/^\| \[`([^`]+)`\]\(([^)]+)\) \| .+ \| `([^`]+)` \|$/gm)].map((row) => row.slice(1));
  const expected = entries
    .filter(({ name }) => name.endsWith(".ts") || (name !== "public" && !name.includes(".")))
    .map((entry) => {
      const file = entry.isDirectory() ? `${entry.name}/site.ts` : entry.name;
      const command = sessionOf(file).find((step) => step.command.startsWith("npx "))?.command ?? "npm start";
      return [file, file, command];
    });
  assert.deepEqual(rows.sort(), expected.sort());
});
