/** `tsgi new`: what it writes runs, on every version of Node, with the package linked from here instead of the registry. */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { launch, skip } from "../support/browser.ts";
import { Command, until } from "../support/command.ts";
import { nodeVersions } from "../support/node-versions.ts";
import { root } from "../support/session.ts";

const run = promisify(execFile);
const scratch = mkdtempSync(join(tmpdir(), "tsgi-new-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const { ended } = new Command(scratch);

const FILES = `      .gitignore
      README.md
      notes.ts
      package.json
      public/404.html
      public/favicon.svg
      public/index.html
      public/notes.js
      public/style.css
      site.ts
      test/site.test.ts
      tsconfig.json
      tsgi.config.ts
`;

test("tsgi new: a folder that is not empty is refused, and stays as it is", () => {
  mkdirSync(join(scratch, "full"));
  for (const name of ["d", "a", "site.ts", "b"]) writeFileSync(join(scratch, "full", name), "mine");
  assert.deepEqual(ended("new", "full"), {
    code: 2,
    out: "",
    error: "tsgi: full is not empty: it has a, b, d, …; name a folder that is not there yet\n",
  });
  assert.equal(readFileSync(join(scratch, "full/site.ts"), "utf8"), "mine");
  assert.equal(existsSync(join(scratch, "full/package.json")), false);
});

for (const [what, args, error] of [
  ["no folder", ["new"], "which folder? Name one, for example: tsgi new my-site (see tsgi --help)"],
  ["two folders", ["new", "a", "b"], '"b" is one argument too many; see tsgi --help'],
  ["a file", ["new", "file"], "file is a file; name a folder that is not there yet"],
  ["a folder below a file", ["new", "file/x"], "file/x cannot be looked at: ENOTDIR"],
  ["an option of another command", ["new", "x", "--listing"], "--listing is an option of tsgi static; see tsgi --help"],
] as const) {
  test(`tsgi new: ${what} is refused`, () => {
    writeFileSync(join(scratch, "file"), "");
    const { code, out, error: said } = ended(...args);
    assert.deepEqual([code === 0, out, said], [false, "", `tsgi: ${error}\n`]);
    assert.equal(existsSync(join(scratch, "x")), false);
  });
}

test("tsgi new: it says what it has written, and what to type next", () => {
  const steps = "$ npm install\n$ npm start\n";
  assert.deepEqual(ended("new", "deep/My Site!"), {
    code: 0,
    out: `tsgi: wrote a site into deep/My Site!\n${FILES}$ cd 'deep/My Site!'\n${steps}`,
    error: "",
  });
  assert.equal(JSON.parse(readFileSync(join(scratch, "deep/My Site!/package.json"), "utf8")).name, "my-site");
  // An empty repository, and the folder that one is in.
  mkdirSync(join(scratch, "here/.git"), { recursive: true });
  const { out } = new Command(join(scratch, "here")).ended("new", ".");
  assert.equal(out, `tsgi: wrote a site into .\n${FILES}${steps}`);
  assert.equal(ended("new", "here").code, 2);
});

/** Puts into a site what `npm install` would. */
function link(home: string): void {
  const modules = join(home, "node_modules");
  mkdirSync(join(modules, ".bin"), { recursive: true });
  symlinkSync(root.replace(/\/$/, ""), join(modules, "tsgi"));
  for (const name of ["tsx", "typescript", "@types"])
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  for (const [name, file] of Object.entries({ tsgi: "dist/src/cli.js", tsc: "node_modules/typescript/bin/tsc" })) {
    const path = join(modules, ".bin", name);
    writeFileSync(path, `#!/bin/sh\nexec node ${join(root, file)} "$@"\n`);
    chmodSync(path, 0o755);
  }
}

ended("new", "site");
const home = join(scratch, "site");
link(home);

test("tsgi new: the site has its types", async () => {
  await run("npm", ["run", "types"], { cwd: home });
});

for (const { name, node } of nodeVersions.filter((version) => version.name !== "Node 26")) {
  /** What npm runs finds this version first. */
  const env = {
    ...process.env,
    PATH: [dirname(node), process.env.PATH].join(delimiter),
    HOST: "",
    PORT: "0",
    WEB_CONCURRENCY: "",
    NODE_TEST_CONTEXT: undefined,
  };

  test(`tsgi new: npm test passes on ${name}`, async () => {
    const { stdout } = await run("npm", ["test"], { cwd: home, env });
    assert.match(stdout, /^(?:# |ℹ )pass 5$/m);
    assert.match(stdout, /^(?:# |ℹ )fail 0$/m);
  });

  test(`tsgi new: npm start serves the site on ${name}`, async (t) => {
    const child = spawn("npm", ["start", "--silent"], { cwd: home, env, detached: true });
    t.after(() => {
      // npm does not pass every signal on.
      if (child.exitCode === null) process.kill(-(child.pid as number), "SIGKILL");
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        printed += chunk;
      });
    }
    await until(() => {
      if (child.exitCode !== null) throw new Error(printed);
      return / on http:\S+\n/.test(printed);
    });
    const url = / on (http:\S+)\n/.exec(printed)?.[1] as string;
    const page = await fetch(url);
    assert.deepEqual([page.status, page.headers.get("X-Frame-Options")], [200, "SAMEORIGIN"]);
    assert.match(await page.text(), /<h1>It works<\/h1>/);
    const headers = { "Content-Type": "application/json" };
    const added = await fetch(`${url}/api/notes`, { method: "POST", headers, body: '{"text":"tea"}' });
    assert.deepEqual([added.status, await added.json()], [201, { id: 1, text: "tea" }]);
    assert.deepEqual(await (await fetch(`${url}/api/notes`)).json(), [{ id: 1, text: "tea" }]);
    assert.equal((await fetch(`${url}/none`)).status, 404);
    await until(() => /"POST \/api\/notes HTTP\/1.1" 201/.test(printed));
  });
}

test("tsgi new: the page runs in a browser under its own policy, and adds notes", { skip }, async (t) => {
  const site = await new Command(home).running("--port", "0");
  const browser = await launch();
  t.after(async () => {
    await browser.close();
    site.child.kill("SIGKILL");
  });
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(site.url);
  await page.fill("#text", "<b>tea</b>");
  await page.click("button");
  await page.waitForSelector("li");
  assert.equal(await page.textContent("li"), "<b>tea</b>");
  await page.reload();
  await page.waitForSelector("li");
  assert.deepEqual(complaints, []);
});
