import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Command, type Running, until } from "../support/command.ts";

const { running } = new Command(fileURLToPath(new URL("modules", import.meta.url)));

const page = async (url: string) => (await fetch(url)).text();

/** What was printed after the first line, once it holds a text. */
async function report(site: Running, text: string): Promise<string> {
  await until(() => site.printed().includes(text));
  return site.printed().split("\n").slice(1).join("\n");
}

for (const [path, error] of [
  ["/rejects", "Error: rejected"],
  ["/throws", "Error: thrown"],
] as const) {
  test(`strays: ${path} is reported with its request, and the server lives on`, async () => {
    const site = await running("strays.mjs", "--port", "0");
    assert.equal(await page(site.url + path), "hello");
    const printed = await report(site, error);
    assert.match(
      printed,
      new RegExp(`^tsgi: nothing handles this error, during GET ${path}: ${error}\\n {4}at .*strays\\.mjs`),
    );
    assert.equal(await page(site.url), "hello");
    assert.equal(site.child.exitCode, null);
  });
}

test("strays: an error after the response is reported outside of a request", async () => {
  const site = await running("strays.mjs", "--port", "0");
  assert.equal(await page(`${site.url}/late`), "hello");
  assert.match(
    await report(site, "Error: late"),
    /^tsgi: nothing handles this error, outside of a request: Error: late\n/,
  );
});

for (const name of ["app", "stream"]) {
  test(`strays: in development ${name} is named even after the response`, async () => {
    const site = await running(`strays.mjs:${name}`, "--port", "0", "--development");
    assert.equal(await page(`${site.url}/late?a=1`), "hello");
    assert.match(await report(site, "Error: late"), /^GET \/late\?a=1: Error: late\n {4}at .*strays\.mjs/);
  });
}

test("strays: an app that handles them itself decides alone", async () => {
  const site = await running("strays.mjs:own", "--factory", "--port", "0");
  assert.equal(await page(`${site.url}/rejects`), "hello");
  assert.equal(await report(site, "rejected"), "own: rejected\n");
});

test("strays: a signal ends an event stream at once", async () => {
  const site = await running("strays.mjs:events", "--port", "0");
  const response = await fetch(site.url);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  site.child.kill("SIGINT");
  assert.equal((await reader.read()).done, true);
  assert.deepEqual(await once(site.child, "exit"), [0, null]);
  assert.equal(site.printed().includes("Error"), false);
});
