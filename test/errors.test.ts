import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { describeError, statusOfError, TsgiError } from "../src/errors.ts";

test("TsgiError: carries code, hint, status and cause, and shows the hint", () => {
  const cause = new Error("cause");
  const error = new TsgiError("TSGI_BAD_MOUNT", "it broke", {
    hint: "Mend it.",
    status: "413 Content Too Large",
    cause,
  });
  assert.deepEqual(
    {
      name: error.name,
      code: error.code,
      message: error.message,
      hint: error.hint,
      status: error.status,
      cause: error.cause,
    },
    {
      name: "TsgiError",
      code: "TSGI_BAD_MOUNT",
      message: "it broke. Mend it.",
      hint: "Mend it.",
      status: "413 Content Too Large",
      cause,
    },
  );
});

test("statusOfError: only a TsgiError asks for a status, and only for a 4xx", () => {
  assert.equal(
    statusOfError(new TsgiError("TSGI_BAD_MOUNT", "x", { status: "413 Content Too Large" })),
    "413 Content Too Large",
  );
  assert.equal(statusOfError(new TsgiError("TSGI_BAD_MOUNT", "x", { status: "200 OK" })), undefined);
  assert.equal(statusOfError(Object.assign(new Error("x"), { status: "404 Not Found" })), undefined);
});

test("describeError: shows the stack and the causes, each once", () => {
  const inner = new Error("inner");
  const outer = new Error("outer", { cause: inner });
  assert.equal(describeError(outer), `${outer.stack}\nCaused by: ${inner.stack}`);
  inner.cause = outer;
  assert.equal(describeError(outer), `${outer.stack}\nCaused by: ${inner.stack}`);
  outer.cause = outer;
  assert.equal(describeError(outer), outer.stack);
});

test("describeError: whatever is thrown has a text", () => {
  assert.equal(describeError(undefined), "undefined");
  assert.equal(describeError("text"), "text");
  assert.equal(describeError(Object.create(null)), "[object Object]");
});

const root = fileURLToPath(new URL("..", import.meta.url));

/** Each code of the union, with the doc comment above it. */
const [union = "", ...rest] = readFileSync(join(root, "src/errors.ts"), "utf8").split(/(?<=\| "TSGI_\w+");/);
const listed = [...union.matchAll(/(?:\/\*\* (.+) \*\/\n)? {2}\| "(\w+)"/g)].map(([, doc, code]) => ({ code, doc }));

/** The source that throws errors, without comments and names of environment variables. */
const source = ["src", "middleware"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
  )
  .filter((name) => name.endsWith(".ts") && name !== join("src", "errors.ts"))
  .map((name) => readFileSync(join(root, name), "utf8"))
  .concat(rest)
  .join("\n")
  .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|variable(?::| =) "TSGI_\w+"/gim, "");

test("errors: the union lists every code that is thrown, and no other", () => {
  const thrown = [
    ...[...source.matchAll(/"(TSGI_\w+)"/g)].map(([, code]) => code),
    ...[...source.matchAll(/\bviolation\(\s*"(\w+)"/g)].map(([, kind]) => `TSGI_LINT_${kind}`),
  ];
  assert.deepEqual(listed.map(({ code }) => code).sort(), [...new Set(thrown)].sort());
});

test("errors: each code says what it means", () => {
  assert.deepEqual(
    listed.filter(({ doc }) => doc === undefined),
    [],
  );
});
