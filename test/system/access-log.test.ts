import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { notFound } from "../../src/apps.ts";
import { commandAccessLog } from "../../src/cli/access-log.ts";
import { Command, type Running, until } from "../support/command.ts";
import { fileTree } from "../support/file-tree.ts";

const MODULE = `export const app = (environ, startResponse) => {
  startResponse("200 OK", []);
  return environ.PATH_INFO;
};
`;

/** A command that logs to a file, and its log. */
async function logging(
  t: TestContext,
  ...args: string[]
): Promise<Running & { file: string; lines(name?: string): string[] }> {
  const folder = await fileTree({ "app.mjs": MODULE });
  const file = join(folder, "access.log");
  const running = await new Command(folder).running("app.mjs", "--port", "0", "--access-log", file, ...args);
  t.after(() => running.child.kill("SIGKILL"));
  const lines = (name = file) => (existsSync(name) ? readFileSync(name, "utf8").split("\n").slice(0, -1) : []);
  return { ...running, url: running.url.replace(/,$/, ""), file, lines };
}

const requestOf = (line: string): string => line.replace(/^.*?"(.*?)" (\d+) .*$/, "$1 $2");

/** Sends bytes as they are, and waits for the end of the connection. */
function send(url: string, bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(bytes));
    socket.on("close", () => resolve()).resume();
  });
}

test("--access-log: requests, refused ones too, in a file that is opened anew by SIGUSR1", async (t) => {
  const { url, lines, file, child } = await logging(t);
  await (await fetch(`${url}/a`)).text();
  await send(url, 'GET /"\x1b[31m HTTP/1.1\r\n\r\n');
  await until(() => lines().length === 2);
  renameSync(file, `${file}.1`);
  await (await fetch(`${url}/b`)).text();
  await until(() => lines(`${file}.1`).length === 3);
  child.kill("SIGUSR1");
  await until(() => existsSync(file));
  await (await fetch(`${url}/c`)).text();
  await until(() => lines().length === 1);
  assert.deepEqual([...lines(`${file}.1`), ...lines()].map(requestOf), [
    "GET /a HTTP/1.1 200",
    'GET /\\"\\x1b[31m HTTP/1.1 400',
    "GET /b HTTP/1.1 200",
    "GET /c HTTP/1.1 200",
  ]);
});

test("--access-log: workers share a file, and none loses a line when it is opened anew", async (t) => {
  const { url, lines, file, child } = await logging(t, "--workers", "2", "--access-log-format", "json");
  for (let index = 0; index < 12; index++) {
    await (await fetch(`${url}/${index}`, { headers: { Connection: "close" } })).text();
    if (index !== 5) continue;
    renameSync(file, `${file}.1`);
    child.kill("SIGUSR1");
  }
  const targets = () => [...lines(`${file}.1`), ...lines()].map((line) => JSON.parse(line).target as string);
  await until(() => targets().length === 12);
  assert.deepEqual(
    targets().sort((one, other) => Number(one.slice(1)) - Number(other.slice(1))),
    Array.from({ length: 12 }, (_, index) => `/${index}`),
  );
});

test("--access-log: a file that cannot be opened is said before anything is served", async () => {
  const { code, error } = new Command(await fileTree({ "app.mjs": MODULE })).ended("app.mjs", "--access-log", "no/log");
  assert.equal(code, 1);
  assert.match(error, /^tsgi: the access log cannot be opened: ENOENT/);
});

test("--access-log: by default a terminal shows requests, unless it shows everything or nothing", (t) => {
  const configuration = { accessLog: { to: undefined, format: undefined }, verbose: false, quiet: false };
  const isLogged = (changes: object = {}) =>
    commandAccessLog(notFound, { ...configuration, ...changes }).app !== notFound;
  const { isTTY } = process.stdout;
  t.after(() => Object.assign(process.stdout, { isTTY }));
  Object.assign(process.stdout, { isTTY: false });
  assert.equal(isLogged(), false);
  assert.equal(isLogged({ accessLog: { to: "-", format: undefined } }), true);
  Object.assign(process.stdout, { isTTY: true });
  assert.equal(isLogged(), true);
  for (const changes of [{ verbose: true }, { quiet: true }, { accessLog: { to: "off", format: undefined } }]) {
    assert.equal(isLogged(changes), false);
  }
});
