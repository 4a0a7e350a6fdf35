// Static files within Express, behind what its users put there.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import compression from "compression";
import express from "express";
import { staticFiles } from "../../../middleware/static-files.ts";
import { toNode } from "../../../src/adapters/to-node.ts";
import { notFound } from "../../../src/apps.ts";
import { fileTree } from "../../support/file-tree.ts";

test("static files: a large file behind compression leaves no listeners on its stream", async (t) => {
  const text = Array.from({ length: 400_000 }, (_, index) => `${(index * 7919) % 65_537}`).join("\n");
  const folder = await fileTree({ "large.txt": text });
  const warnings: string[] = [];
  const warn = (warning: Error) => void warnings.push(warning.message);
  process.on("warning", warn);
  t.after(() => process.off("warning", warn));
  const host = express().use(compression(), toNode(staticFiles(notFound, { "/": folder })));
  const server = createServer(host).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/large.txt`);
  assert.equal(response.headers.get("content-encoding") !== null, true);
  assert.equal(await response.text(), text);
  assert.deepEqual(warnings, []);
});
